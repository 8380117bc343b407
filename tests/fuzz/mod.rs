//! Arbitrary bytes into what reads bytes of others. Each target takes small inputs that are right, spoils them, and must neither panic nor hang nor
//! let through what it promises to refuse. A second each by default; `PLIMSOLL_FUZZ_SECONDS` gives more, `PLIMSOLL_FUZZ_SEED` another course.

mod answers;
mod documents;
mod manifests;
mod spoil;

use spoil::Spoil;
use std::time::{Duration, Instant};

/// Runs a target on spoilt inputs until its time is up. The course of a seed is always the same, so that what is found can be found again.
fn fuzz(target: &str, corpus: &[Vec<u8>], mut check: impl FnMut(&[u8])) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let time = Duration::from_secs(number("PLIMSOLL_FUZZ_SECONDS").unwrap_or(1));
    let seed = number("PLIMSOLL_FUZZ_SEED").unwrap_or(1);
    let mut spoil = Spoil::new(seed, corpus);
    for input in corpus {
        check(input);
    }
    let began = Instant::now();
    let mut tried = 0_u64;
    while began.elapsed() < time {
        let input = spoil.next();
        let at = Instant::now();
        check(&input);
        tried += 1;
        assert!(
            at.elapsed() < Duration::from_secs(20),
            "{target}: input {tried} of seed {seed} took {:?}: {:?}",
            at.elapsed(),
            String::from_utf8_lossy(&input)
        );
    }
    assert!(tried > 0, "{target}: nothing was tried");
}
