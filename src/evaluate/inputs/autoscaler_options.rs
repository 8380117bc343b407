//! The autoscaler's options of a deployment, with what is wrong in them named.

use crate::evaluate::true_rate::options::{OptionError, Options, Profile};
use crate::flink::options::Configuration;

/// Options in force, and every value that is not used as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoscalerOptions {
    /// The options; where a value cannot be read, the autoscaler's default.
    pub options: Options,
    /// Values that cannot be read (the default is used instead) or that the operator refuses, one sentence each.
    pub named: Vec<String>,
}

/// Reads the options under both prefixes. Upstream ends a pass at the first value it cannot read; here each such value is
/// named and its default used, so that the rest of the answer is still there.
pub fn autoscaler_options(configuration: &Configuration, profile: Profile) -> AutoscalerOptions {
    let mut readable = configuration.clone();
    let mut named = Vec::new();
    loop {
        match Options::read(&readable, profile) {
            Ok(options) => {
                let refused = options.violations().into_iter();
                named.extend(refused.map(|error| format!("{error}; the operator refuses it")));
                return AutoscalerOptions { options, named };
            }
            Err(error) => {
                let key = match &error {
                    OptionError::Unreadable { key, .. } => readable.remove(key),
                    _ => None,
                };
                named.push(format!("{error}; its default is used here"));
                if key.is_none() {
                    // Nothing can be taken away to go on with: the defaults of all options are left.
                    readable.clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> AutoscalerOptions {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        autoscaler_options(&pairs.collect(), Profile::Next)
    }

    #[test]
    fn bad_values_are_named_and_replaced_one_by_one() {
        let old = "kubernetes.operator.job.autoscaler.catch-up.duration";
        let read = read(&[
            ("job.autoscaler.enabled", "true"),
            ("job.autoscaler.metrics.window", "long"),
            ("job.autoscaler.vertex.max-parallelism", "many"),
            ("job.autoscaler.utilization.target", "0.8"),
            ("job.autoscaler.utilization.max", "0.5"),
            (old, "10 min"),
        ]);
        assert_eq!(read.options.metrics_window_ms, 15 * 60_000);
        assert_eq!(read.options.max_parallelism, 200);
        assert_eq!(read.options.utilization_target, 0.8);
        assert_eq!(read.options.catch_up_ms, 10 * 60_000);
        assert_eq!(read.named.len(), 3, "{:?}", read.named);
        for (said, word) in [("metrics.window", "`long`"), ("max-parallelism", "`many`")] {
            let found = read.named.iter().find(|text| text.contains(said)).unwrap();
            assert!(found.contains(word) && found.contains("default"), "{found}");
        }
        assert!(read.named[2].contains("utilization.max") && read.named[2].contains("refuses"));
    }
}
