//! That a run happened, in the ledger: a run that comes late or not at all is seen by the next one.

use super::canonical::document;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const FOLDER: &str = "heartbeats/";
/// What the schema field says.
const SCHEMA: &str = "plimsoll.heartbeat/1";
/// A run may come so many intervals after the one before it before it counts as late: schedulers of forges start late now and then.
const LATE: f64 = 2.0;

/// Whether a path of the ledger is a heartbeat's.
pub fn is_heartbeat(path: &str) -> bool {
    path.starts_with(FOLDER)
}

/// The ledger file of a run at `at_ms` with so many jobs. Runs within one interval write the same path, and the ledger keeps the first, so
/// that it grows by one small file an interval at most.
pub fn heartbeat(at_ms: i64, every_ms: i64, jobs: usize) -> (String, Vec<u8>) {
    let every_ms = every_ms.max(60_000);
    let slot_ms = at_ms.div_euclid(every_ms) * every_ms;
    let path = format!("{FOLDER}{slot_ms:013}.json");
    let value = json!({"schema": SCHEMA, "at_ms": at_ms, "jobs": jobs});
    (path, document(&value).into_bytes())
}

/// Why a heartbeat that another job made is not appended, if so: it must be what [`heartbeat`] writes, and not lie behind `latest_ms`.
pub fn check_heartbeat(path: &str, bytes: &[u8], latest_ms: i64) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        schema: String,
        at_ms: i64,
        jobs: u64,
    }
    let wrong = |why: &str| Some(format!("heartbeat `{path}`: {why}"));
    let Ok(written) = serde_json::from_slice::<Written>(bytes) else {
        return wrong("it is not one that Plimsoll writes");
    };
    let slot = path
        .strip_prefix(FOLDER)
        .and_then(|rest| rest.strip_suffix(".json"))
        .filter(|slot| slot.len() == 13)
        .and_then(|slot| slot.parse::<i64>().ok());
    let Some(slot) = slot.filter(|slot| (0..=written.at_ms).contains(slot)) else {
        return wrong("its name is not that of its interval");
    };
    let again = document(&json!({
        "schema": SCHEMA, "at_ms": written.at_ms, "jobs": written.jobs,
    }));
    if written.schema != SCHEMA || again.as_bytes() != bytes {
        return wrong("it is not one that Plimsoll writes");
    }
    if written.at_ms > latest_ms || slot > latest_ms {
        return wrong("it lies in the future");
    }
    None
}

/// The time in which no run happened before the one at `now_ms`, if that is longer than it may be: from the latest heartbeat before it.
/// Without any heartbeat this is the first run.
pub fn blind_since(ledger: &BTreeMap<String, Vec<u8>>, now_ms: i64, every_ms: i64) -> Option<i64> {
    let latest = ledger
        .keys()
        .filter_map(|path| path.strip_prefix(FOLDER)?.strip_suffix(".json"))
        .filter_map(|slot| slot.parse::<i64>().ok())
        .filter(|slot| *slot <= now_ms)
        .max()?;
    // A slot is as early as its interval's begin.
    let since = latest.saturating_add(every_ms);
    let late = (now_ms.saturating_sub(latest)) as f64 > (LATE + 1.0) * every_ms as f64;
    late.then_some(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn only_what_a_run_writes_is_a_heartbeat() {
        let (path, bytes) = heartbeat(97 * HOUR + 1, HOUR, 3);
        assert_eq!(check_heartbeat(&path, &bytes, 98 * HOUR), None);
        for (path, bytes, latest) in [
            (path.as_str(), &bytes[..], 97 * HOUR),
            (path.as_str(), &b"{}"[..], 98 * HOUR),
            ("heartbeats/../x.json", &bytes[..], 98 * HOUR),
            ("heartbeats/9999999999999.json", &bytes[..], 98 * HOUR),
            ("heartbeats/349200000.json", &bytes[..], 98 * HOUR),
        ] {
            assert!(check_heartbeat(path, bytes, latest).is_some(), "{path}");
        }
    }

    #[test]
    fn a_late_run_sees_since_when_nobody_looked() {
        let mut ledger = BTreeMap::new();
        assert_eq!(
            blind_since(&ledger, 100 * HOUR, HOUR),
            None,
            "the first run"
        );
        for at in [96 * HOUR, 97 * HOUR + 1, 97 * HOUR + 9] {
            let (path, bytes) = heartbeat(at, HOUR, 3);
            assert!(is_heartbeat(&path));
            ledger.entry(path).or_insert(bytes);
        }
        assert_eq!(ledger.len(), 2, "one an interval");
        assert_eq!(blind_since(&ledger, 98 * HOUR + 5, HOUR), None);
        assert_eq!(
            blind_since(&ledger, 100 * HOUR, HOUR),
            None,
            "a scheduler may be late"
        );
        assert_eq!(blind_since(&ledger, 101 * HOUR, HOUR), Some(98 * HOUR));
        assert_eq!(blind_since(&ledger, 90 * HOUR, HOUR), None, "replayed");
    }
}
