//! Plots: throughput and latencies of each system.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::table::title;
use crate::args::System;
use crate::compare::{Cell, Comparison};
use crate::error::Error;
use crate::measured::Measured;

/// The size of one plot.
const PLOT: (u32, u32) = (460, 300);

/// Draws a row for each setting: the throughput of each system, and its latencies.
pub(super) fn write(path: &Path, comparison: &Comparison) -> Result<(), Error> {
    let rows = comparison.cells.len() as u32;
    let size = (2 * PLOT.0, rows.max(1) * PLOT.1);
    let area = SVGBackend::new(path, size).into_drawing_area();
    draw(&area, comparison).map_err(|error| Error::Plot(error.to_string()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(area: &Area<'_>, comparison: &Comparison) -> Drawn {
    area.fill(&WHITE)?;
    let plots = area.split_evenly((comparison.cells.len().max(1), 2));
    for (cell, plots) in comparison.cells.iter().zip(plots.chunks(2)) {
        if let [throughput, latencies] = plots {
            draw_throughput(throughput, cell)?;
            draw_latencies(latencies, cell)?;
        }
    }
    area.present()?;
    Ok(())
}

/// A bar for each system, with the minimum and the maximum of its rounds.
fn draw_throughput(area: &Area<'_>, cell: &Cell) -> Drawn {
    let most = cell
        .systems
        .iter()
        .map(|(_, summary)| summary.max.per_second);
    let most = most.fold(1.0, f64::max) * 1.1;
    let systems = cell.systems.len();
    let mut chart = ChartBuilder::on(area)
        .caption(title(cell), ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..systems as f64, 0.0..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_desc("calls per second")
        .y_label_formatter(&|calls| format!("{calls:.0}"))
        .draw()?;
    for (at, (system, summary)) in cell.systems.iter().enumerate() {
        let at = at as f64;
        let bar = [(at + 0.2, 0.0), (at + 0.8, summary.median.per_second)];
        chart.draw_series([Rectangle::new(bar, color(*system).filled())])?;
        let spread = vec![
            (at + 0.5, summary.min.per_second),
            (at + 0.5, summary.max.per_second),
        ];
        chart.draw_series([PathElement::new(spread, BLACK)])?;
        let (x, _) = chart.backend_coord(&(at + 0.2, 0.0));
        let style = ("sans-serif", 12).into_font().color(&BLACK);
        let (left, _) = area.get_pixel_range();
        area.draw(&Text::new(
            system.name(),
            (x - left.start, PLOT.1 as i32 - 24),
            style,
        ))?;
    }
    Ok(())
}

/// A line for each system: its latencies by percentile.
fn draw_latencies(area: &Area<'_>, cell: &Cell) -> Drawn {
    let lines: Vec<_> = cell
        .systems
        .iter()
        .map(|(system, summary)| (*system, percentiles(&summary.median)))
        .collect();
    let values = lines
        .iter()
        .flat_map(|(_, line)| line.iter().map(|(_, us)| *us));
    let (least, most) = values.fold((f64::INFINITY, 1.0_f64), |(least, most), us| {
        (least.min(us), most.max(us))
    });
    let mut chart = ChartBuilder::on(area)
        .caption("latency by percentile", ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..3.0, (least * 0.8..most * 1.2).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(4)
        .x_label_formatter(&|at: &f64| NAMES.get(at.round() as usize).unwrap_or(&"").to_string())
        .y_desc("microseconds")
        .y_label_formatter(&|us| format!("{us:.0}"))
        .draw()?;
    for (system, line) in lines {
        let color = color(system);
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(system.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}

const NAMES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];

fn percentiles(measured: &Measured) -> Vec<(f64, f64)> {
    let latencies = [measured.p50, measured.p90, measured.p99, measured.p999];
    let latencies = latencies.into_iter().enumerate();
    latencies.map(|(at, us)| (at as f64, us.max(1.0))).collect()
}

/// Colours that differ without red and green.
fn color(system: System) -> RGBColor {
    match system {
        System::Streams => RGBColor(0, 114, 178),
        System::Grpc => RGBColor(86, 180, 233),
        System::Tonic => RGBColor(230, 159, 0),
        System::Tcp | System::Idle => RGBColor(120, 120, 120),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::comparison;

    #[test]
    fn a_plot_names_settings_and_systems() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("plot.svg");
        write(&path, &comparison()).expect("it is drawn");
        let svg = std::fs::read_to_string(&path).expect("it is written");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("n = 3, q = 2, 16 B, 1 call in flight"));
        for system in System::ALL {
            assert!(svg.contains(system.name()), "{system:?}");
        }
    }

    #[test]
    fn a_comparison_of_nothing_is_drawn() {
        let directory = tempfile::tempdir().expect("there is room");
        let mut nothing = comparison();
        nothing.cells.clear();
        write(&directory.path().join("plot.svg"), &nothing).expect("it is drawn");
    }

    #[test]
    fn a_plot_that_cannot_be_written_is_an_error() {
        let error = write(Path::new("/no/such/directory/plot.svg"), &comparison());
        assert!(matches!(error, Err(Error::Plot(_))));
    }
}
