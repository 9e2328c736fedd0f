//! A plot of the load against the read fraction.

use std::path::Path;

use gorums_quorums::{Bounds, Metric, Question, ReadFractions, Rounded, Strategy, System};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::failure::Failure;

/// The size of the plot.
const SIZE: (u32, u32) = (640, 420);

/// So many times is the read fraction changed, from 0 to 1.
const STEPS: u32 = 20;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The load at a read fraction.
type Point = (f64, f64);

/// Draws the load of the strategy, and that of the strategies with the least load at each read fraction, which keep within
/// no bounds.
pub(super) fn write(
    path: &Path,
    system: &System<String>,
    question: &Question,
    strategy: &Strategy<String>,
) -> Result<(), Failure> {
    let (mut least, mut own) = (Vec::new(), Vec::new());
    for step in 0..=STEPS {
        let fraction = f64::from(step) / f64::from(STEPS);
        let reads = ReadFractions::always(fraction).map_err(Failure::Answer)?;
        own.push((fraction, strategy.load(&reads)));
        let at_fraction = Question {
            optimize: Metric::Load,
            bounds: Bounds::default(),
            reads: reads.clone(),
            ..question.clone()
        };
        let best = at_fraction.best(system).map_err(Failure::Answer)?;
        least.push((fraction, best.load(&reads)));
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    draw(&area, &least, &own).map_err(|error| Failure::Plot(error.to_string()))
}

fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, least: &[Point], own: &[Point]) -> Drawn {
    area.fill(&WHITE)?;
    let all = least.iter().chain(own);
    let most = all.map(|(_, load)| *load).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("load by read fraction", ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..1.0, 0.0..most * 1.15)?;
    chart
        .configure_mesh()
        .x_desc("fraction of the commands that are reads")
        .max_light_lines(1)
        .y_desc("load, seconds per command")
        .y_label_formatter(&|load| Rounded(*load).to_string())
        .draw()?;
    // Colours that differ without red and green.
    for (line, name, color) in [
        (own, "this strategy", RGBColor(230, 159, 0)),
        (
            least,
            "best strategy for each fraction",
            RGBColor(0, 114, 178),
        ),
    ] {
        chart
            .draw_series(LineSeries::new(line.to_vec(), color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}
