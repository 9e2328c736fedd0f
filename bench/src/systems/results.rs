//! What was measured, and the ratios to the floors.

use std::path::PathBuf;

use serde::Serialize;

use super::measure::{Measurement, Setting};
use super::rounds::Rounds;
use crate::args::State;
use crate::compare::{Figure, Spread, Summary};

/// The results for all systems, and the machine.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) machine: String,
    pub(super) client_threads: u16,
    pub(super) rounds: u16,
    /// How long each measurement took, in milliseconds.
    pub(super) duration: u64,
    /// Where the files of the state on disk were.
    pub(super) dir: PathBuf,
    pub(super) cells: Vec<Cell>,
}

/// The systems in one setting.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub(super) setting: Setting,
    pub(super) rows: Vec<Row>,
}

/// A system and its floor.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) system: String,
    pub(super) variants: Vec<Variant>,
    pub(super) rounds: Rounds,
    pub(super) floor: Figures,
}

/// A system whose state is in one place.
#[derive(Debug, Serialize)]
pub(super) struct Variant {
    pub(super) state: State,
    pub(super) figures: Figures,
    /// Its figures divided by those of the floor.
    pub(super) ratios: Vec<(&'static str, Option<Spread>)>,
}

/// The figures of several rounds.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) summary: Summary,
    /// The requests that replicas got for each command.
    pub(super) messages: Option<Spread>,
}

impl Figures {
    /// None if there are no rounds.
    pub(super) fn of(rounds: Vec<Measurement>) -> Option<Self> {
        let messages = Spread::of(rounds.iter().filter_map(|round| round.messages));
        let rounds = rounds.into_iter().map(|round| round.measured);
        Some(Self {
            summary: Summary::of(rounds.collect())?,
            messages,
        })
    }
}

impl Row {
    /// None if there are no rounds.
    pub(super) fn of(
        system: String,
        variants: Vec<(State, Vec<Measurement>)>,
        rounds: Rounds,
        floor: Vec<Measurement>,
    ) -> Option<Self> {
        let floor = Figures::of(floor)?;
        let variants = variants.into_iter().map(|(state, rounds)| {
            let figures = Figures::of(rounds)?;
            let ratio = |figure: Figure| {
                let ratio = Spread::of_ratio(&figures.summary, &floor.summary, figure);
                (figure.name(), ratio)
            };
            Some(Variant {
                state,
                ratios: Figure::SHOWN.map(ratio).into(),
                figures,
            })
        });
        Some(Self {
            system,
            variants: variants.collect::<Option<_>>()?,
            rounds,
            floor,
        })
    }
}
