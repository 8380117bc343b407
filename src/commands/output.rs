//! How answers reach stdout and stderr.

use super::ending::Failure;
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// Writes an answer to stdout. Somebody who closed the pipe has read enough: that is no failure.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') {
            Ok(())
        } else {
            out.write_all(b"\n")
        }
    });
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(anyhow::Error::new(error).context("stdout")))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON document to stdout.
pub fn say_json(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::Failed(anyhow::Error::new(error).context("JSON")))?;
    say(&text)
}

/// Says something on stderr that is no part of the answer.
pub fn note(text: &str) {
    // A closed stderr has nobody to be told.
    let _ = writeln!(std::io::stderr(), "{text}");
}
