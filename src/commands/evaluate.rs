//! `evaluate NAME`: a built-in evaluator through the plug-in protocol.

use super::output::say_json;
use super::{Ended, Failure};
use crate::cli::Evaluate;
use crate::evaluate::plugin::{BUILT_IN, EvaluateRequest, built_in};
use anyhow::Context;
use std::io::Read;

/// The largest request that is read, bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Carries the command out: one request on stdin, one answer on stdout.
pub fn run(args: &Evaluate) -> Result<Ended, Failure> {
    if !BUILT_IN.contains(&args.name.as_str()) {
        return Err(Failure::Usage(format!(
            "there is no evaluator `{}`: name one of {}",
            args.name,
            BUILT_IN.join(", ")
        )));
    }
    let mut text = Vec::new();
    std::io::stdin()
        .take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .context("request on stdin")?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Failure::Failed(anyhow::anyhow!(
            "the request on stdin is larger than 256 MiB"
        )));
    }
    let request: EvaluateRequest = serde_json::from_slice(&text)
        .context("stdin holds no request: `plimsoll schema plugin` prints what is expected")?;
    let answer = built_in(&args.name, &request).context(args.name.clone())?;
    say_json(&answer)?;
    Ok(Ended::Done)
}
