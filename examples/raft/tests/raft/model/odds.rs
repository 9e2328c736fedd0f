//! What happens in a run, and how often.

use fastrand::Rng;

/// What happens in a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Deliver,
    Tick,
    Write,
    Client,
    Crash,
    CrashLeader,
    Restart,
    Cut,
    CutOffLeader,
    Mend,
    ChangeMembers,
}

/// How likely things are.
#[derive(Debug)]
pub(crate) struct Odds {
    /// Each event as often as its number says, compared with the others.
    events: Vec<(Event, u32)>,
    /// How many of 1000 messages are lost, and how many are duplicated.
    pub(crate) lose: u32,
    pub(crate) duplicate: u32,
    /// Whether messages overtake each other.
    pub(crate) reorders: bool,
}

impl Odds {
    /// Each run has only some of the faults, so that each fault is the most frequent one of some run.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut events = vec![
            (Event::Deliver, 300),
            (Event::Tick, rng.u32(50..200)),
            (Event::Write, rng.u32(20..200)),
            (Event::Client, rng.u32(20..150)),
            (Event::Restart, rng.u32(3..30)),
            (Event::Mend, rng.u32(1..5)),
        ];
        let faults = [
            (Event::Crash, 1),
            (Event::CrashLeader, rng.u32(1..15)),
            (Event::Cut, 3),
            (Event::CutOffLeader, rng.u32(1..4)),
            (Event::ChangeMembers, 4),
        ];
        let few = rng.usize(..=faults.len());
        events.extend(rng.choose_multiple(faults, few));
        let mut some = || if rng.bool() { rng.u32(..100) } else { 0 };
        let (lose, duplicate) = (some(), some());
        Self {
            events,
            lose,
            duplicate,
            reorders: rng.bool(),
        }
    }

    pub(crate) fn event(&self, rng: &mut Rng) -> Event {
        let mut dice = rng.u32(..self.events.iter().map(|(_, odds)| odds).sum::<u32>());
        let mut events = self.events.iter();
        let event = events.find(|(_, odds)| {
            let falls = dice < *odds;
            dice = dice.saturating_sub(*odds);
            falls
        });
        event.map_or(Event::Deliver, |(event, _)| *event)
    }
}
