//! Many measurements of one thing.

use std::time::Duration;

use serde_json::{Value, json};

/// Times, told as percentiles (nearest rank): an average says nothing of the slow ones.
#[derive(Clone, Debug, Default)]
pub struct Distribution(Vec<Duration>);

impl Distribution {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest that so many hundredths of all are no greater than; zero where there are none.
    #[must_use]
    pub fn percentile(&self, hundredths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * hundredths).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    /// All of them, in the order in which they came.
    pub fn times(&self) -> impl Iterator<Item = Duration> + '_ {
        self.0.iter().copied()
    }

    /// In milliseconds.
    #[must_use]
    pub fn milliseconds(&self) -> Value {
        let at = |hundredths| rounded(self.percentile(hundredths).as_secs_f64() * 1000.0);
        json!({ "samples": self.len(), "min": at(0), "p50": at(50), "p90": at(90), "p99": at(99), "max": at(100) })
    }
}

impl FromIterator<Duration> for Distribution {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        Self(times.into_iter().collect())
    }
}

/// To three digits after the point.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measurements_that_were_made() {
        let times: Distribution = (1..=200).map(Duration::from_millis).collect();
        let at = |hundredths| times.percentile(hundredths).as_millis();
        assert_eq!([0, 50, 90, 99, 100].map(at), [1, 100, 180, 198, 200]);
        let three: Distribution = [9, 1, 5].map(Duration::from_millis).into_iter().collect();
        assert_eq!(three.percentile(50), Duration::from_millis(5));
        assert_eq!(Distribution::default().percentile(99), Duration::ZERO);
    }
}
