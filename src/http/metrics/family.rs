//! Families of metrics: what the text format of Prometheus needs, filled from plain values.

use lenscap_actors::board::Histogram;
use prometheus::core::Desc;
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::HashMap;

/// One family: its name, what it means, and the names of its labels.
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    labels: &'static [&'static str],
}

/// Something that can be shown as a metric.
pub enum Value<'a> {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram, seconds.
    Times(&'a Histogram),
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Value::Number(number as f64)
    }
}

impl From<bool> for Value<'_> {
    fn from(yes: bool) -> Self {
        Value::Number(f64::from(u8::from(yes)))
    }
}

impl<'a> From<&'a Histogram> for Value<'a> {
    fn from(times: &'a Histogram) -> Self {
        Value::Times(times)
    }
}

impl Family {
    /// What only grows, but begins anew when the server, or what it counts, does.
    pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, help, kind: MetricType::COUNTER, labels }
    }

    /// What goes up and down.
    pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, help, kind: MetricType::GAUGE, labels }
    }

    /// Times by their length.
    pub const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, help, kind: MetricType::HISTOGRAM, labels }
    }

    /// As the library describes it.
    pub fn describe(&self) -> prometheus::Result<Desc> {
        let labels = self.labels.iter().map(|label| (*label).to_owned()).collect();
        Desc::new(self.name.to_owned(), self.help.to_owned(), labels, HashMap::new())
    }

    /// The family with one metric, which has no labels.
    pub fn one<'a>(&self, value: impl Into<Value<'a>>) -> MetricFamily {
        self.of([([], value)])
    }

    /// The family with these metrics: the values of the labels, in their order, and the metric's.
    pub fn of<'a, const N: usize, V: Into<Value<'a>>>(
        &self,
        metrics: impl IntoIterator<Item = ([String; N], V)>,
    ) -> MetricFamily {
        assert_eq!(N, self.labels.len(), "{}", self.name);
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(metrics.into_iter().map(|(labels, value)| self.metric(labels, value.into())).collect());
        family
    }

    fn metric<const N: usize>(&self, values: [String; N], value: Value<'_>) -> Metric {
        let label = |(name, value): (&&str, String)| {
            let mut label = LabelPair::default();
            label.set_name((*name).to_owned());
            label.set_value(value);
            label
        };
        let mut metric = Metric::from_label(self.labels.iter().zip(values).map(label).collect());
        match value {
            Value::Number(number) if self.kind == MetricType::COUNTER => {
                let mut counter = proto::Counter::default();
                counter.set_value(number);
                metric.set_counter(counter);
            }
            Value::Number(number) => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(number);
                metric.set_gauge(gauge);
            }
            Value::Times(times) => metric.set_histogram(buckets(times)),
        }
        metric
    }
}

fn buckets(times: &Histogram) -> proto::Histogram {
    let bucket = |(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    };
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(times.cumulative().map(bucket).collect());
    histogram.set_sample_count(times.count());
    histogram.set_sample_sum(times.sum());
    histogram
}
