//! A series in a few figures.

use serde_json::{Value, json};

/// Runs, median, 99th percentile (by nearest rank) and maximum, in milliseconds.
pub fn figures(mut series: Vec<f64>) -> Value {
    series.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * series.len() as f64).ceil() as usize;
        series.get(rank.saturating_sub(1)).map(|value| (value * 100.0).round() / 100.0)
    };
    json!({ "runs": series.len(), "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}

#[cfg(test)]
mod tests {
    use super::{figures, json};

    #[test]
    fn percentiles_are_values_of_the_series() {
        let series = (1..=200).rev().map(f64::from).collect();
        assert_eq!(figures(series), json!({ "runs": 200, "p50": 100.0, "p99": 198.0, "max": 200.0 }));
        assert_eq!(figures(Vec::new()), json!({ "runs": 0, "p50": null, "p99": null, "max": null }));
    }
}
