//! Which function answers which kind.

use serde_json::Value;

use super::{Outcome, designs, models, samples};

/// Runs the function under test of a kind.
pub(crate) fn run(kind: &str, input: &Value, expect: &Value) -> Outcome {
    match kind.split('.').next().unwrap_or("") {
        "design" | "flink" | "procedure" => designs::run(kind, input, expect),
        "ols" | "anova" | "effects" | "boxcox" | "rsm" | "logistic" | "isotonic" | "threshold"
        | "usl" | "quantreg" | "gp" | "bayes" | "eb" | "its" | "did" => {
            models::run(kind, input, expect)
        }
        _ => samples::run(kind, input, expect),
    }
}
