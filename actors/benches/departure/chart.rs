//! The curves: for each model, how many vanished viewers' cameras are closed after how long, beside fixed
//! time-outs.

use crate::Row;
use crate::fixed::TIMEOUTS;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

const COLUMNS: usize = 3;
const PANEL: (u32, u32) = (320, 240);
/// As far as time is drawn, s.
const UNTIL: f64 = 5.5;

const OURS: RGBColor = RGBColor(0, 105, 180);
const GONE: RGBColor = RGBColor(200, 80, 0);
const FIXED: RGBColor = RGBColor(130, 130, 130);

/// Draws one panel for each of `rows`.
pub fn draw(rows: &[&Row], path: &Path) -> Result<(), Box<dyn Error>> {
    let lines = rows.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * lines as u32 + 30);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let words = "share of vanished viewers over seconds: camera closed (blue), let go (orange); fixed time-outs (grey) \
                 with wrongful departures per 1,000 viewer-hours";
    let (legend, panels) = root.split_vertically(30);
    legend.draw(&Text::new(words, (10, 8), ("sans-serif", 14)))?;
    for (panel, row) in panels.split_evenly((lines, COLUMNS)).iter().zip(rows) {
        let title = format!("{}: {:.2} s, {:.1} wrong", row.name, row.closed(0.5), row.wrong());
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 14))
            .margin(6)
            .x_label_area_size(22)
            .y_label_area_size(38)
            .build_cartesian_2d(0.0..UNTIL, 0.0..1.0)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(6)
            .y_labels(3)
            .y_label_formatter(&|share| format!("{:.0}%", share * 100.0))
            .draw()?;
        for (nth, timeout) in TIMEOUTS.into_iter().enumerate() {
            chart.draw_series(LineSeries::new([(timeout, 0.0), (timeout, 1.0), (UNTIL, 1.0)], FIXED.mix(0.7)))?;
            let wrong = row.fixed_wrong(nth);
            let label = if wrong >= 10.0 { format!("{wrong:.0}") } else { format!("{wrong:.1}") };
            // Left of the orange curve, which stands just behind the second of them.
            let place = (if nth == 1 { timeout - 0.45 } else { timeout + 0.05 }, 0.15);
            chart.draw_series([Text::new(label, place, ("sans-serif", 12).into_font().color(&FIXED))])?;
        }
        for (series, color) in [(&row.totals.away, GONE), (&row.totals.closed, OURS)] {
            chart.draw_series(LineSeries::new(curve(series), color.stroke_width(2)))?;
        }
    }
    root.present()?;
    Ok(())
}

/// The share that has happened by each moment; of a sorted series, thinned to what can be seen.
fn curve(sorted: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    const STEPS: usize = 120;
    let last = sorted.len().saturating_sub(1);
    let start = sorted.first().map(|first| (*first, 0.0));
    let steps = (0..=STEPS).filter_map(move |step| {
        let nth = last * step / STEPS;
        sorted.get(nth).map(|at| (at.min(UNTIL), nth as f64 / last.max(1) as f64))
    });
    start.into_iter().chain(steps)
}
