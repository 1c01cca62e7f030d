//! The Prometheus text format, as far as tests ask it.

use std::collections::BTreeMap;

/// One scrape.
pub(crate) struct Metrics(Vec<Sample>);

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads a scrape; a line that is not in the format is a failure.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(
            lines
                .map(|line| Sample::parse(line).unwrap_or_else(|| panic!("not a sample: {line}")))
                .collect(),
        )
    }

    /// The sum of the samples of a metric that have all of these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        };
        self.0.iter().filter(fits).map(|sample| sample.value).sum()
    }

    /// Names of all metrics, each once.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|sample| sample.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
            None => (series, ""),
        };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once("=\"")?;
            Some((key.to_owned(), value.strip_suffix('"')?.to_owned()))
        };
        let pairs = labels
            .split("\",")
            .map(|label| format!("{}\"", label.trim_end_matches('"')));
        let labels = if labels.is_empty() {
            Some(BTreeMap::new())
        } else {
            pairs.map(|label| pair(&label)).collect()
        };
        Some(Self {
            name: name.into(),
            labels: labels?,
            value: value.parse().ok()?,
        })
    }
}
