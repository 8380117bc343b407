//! `evaluate NAME`: a built-in evaluator through the plug-in protocol.

use super::ending::{Ended, Failure};
use super::output::say_json;
use crate::cli::Evaluate;
use crate::evaluate::plugin::{BUILT_IN, BuiltInError, EvaluateRequest, built_in};
use crate::render::escape::terminal;
use anyhow::Context;
use std::io::Read;

/// The largest request that is read, bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Carries the command out: one request on stdin, one answer on stdout.
pub fn run(args: &Evaluate) -> Result<Ended, Failure> {
    // Before stdin is waited for: a name that was mistyped is said at once.
    if !BUILT_IN.contains(&args.name.as_str()) {
        return Err(Failure::Usage(
            BuiltInError::Unknown(terminal(&args.name)).to_string(),
        ));
    }
    let mut text = Vec::new();
    std::io::stdin()
        .take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .context("request on stdin")?;
    if text.len() as u64 > MOST_BYTES {
        let message = "the request on stdin is larger than 256 MiB";
        return Err(Failure::Usage(message.to_string()));
    }
    let request: EvaluateRequest = serde_json::from_slice(&text).map_err(|error| {
        Failure::Usage(format!(
            "stdin holds no request: {}; `plimsoll schema plugin` prints what is expected (EvaluateRequest)",
            terminal(&error.to_string())
        ))
    })?;
    let answer = built_in(&args.name, &request).map_err(|error| match error {
        BuiltInError::Unknown(_) | BuiltInError::Schema(_) | BuiltInError::Latency { .. } => {
            Failure::Usage(terminal(&error.to_string()))
        }
        // Its sources are in its own words already.
        error => Failure::Failed(anyhow::anyhow!(
            "{}: {}",
            args.name,
            terminal(&error.to_string())
        )),
    })?;
    say_json(&answer)?;
    Ok(Ended::Done)
}
