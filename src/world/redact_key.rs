//! The key that `observe --redact` hashes names with.

use super::WorldError;
use crate::snapshot::RedactKey;
use anyhow::Context;
use camino::Utf8Path;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;

/// The key beside a history. It is made once, readable by its owner only, and is theirs to keep: without it nobody finds a name by guessing,
/// and with it snapshots of different days fit together.
///
/// # Errors
/// When it can't be made or read, or is none.
pub fn redact_key(history: &Utf8Path) -> Result<RedactKey, WorldError> {
    let file = history.with_extension("redact-key");
    let bad = || {
        WorldError::Outside(anyhow::anyhow!(
            "{file} holds no key for --redact: remove it, and a new one is made"
        ))
    };
    let place = || format!("{file}");
    match fs::read(&file) {
        Ok(bytes) => RedactKey::new(&bytes).ok_or_else(bad),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            OsRng.try_fill_bytes(&mut bytes).with_context(place)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let made = options.open(&file).and_then(|mut made| {
                made.write_all(&bytes)?;
                made.sync_all()
            });
            made.with_context(place)?;
            RedactKey::new(&bytes).ok_or_else(bad)
        }
        Err(error) => Err(WorldError::Outside(
            anyhow::Error::from(error).context(place()),
        )),
    }
}
