//! Names of branches. One job and kind has one branch, whatever its advice.

use super::canonical::sha256_hex;
use super::evidence::ChangeKind;
use crate::snapshot::{JobKey, JobKind};

/// The branch that holds the ledger.
pub const LEDGER_BRANCH: &str = "plimsoll-ledger";

/// The longest name, bytes.
const LIMIT: usize = 100;

/// The branch of a job's pull requests of a kind: `plimsoll/<cluster>/<namespace>/<job>` or `plimsoll-revert/…`, with
/// `sessionjob.` or `bluegreen.` before the name of a job of those kinds. A name that git or a file system might refuse or
/// confuse with another (capitals, `..`, `.lock`, a hundred bytes) becomes a slug with eight digits of the key's SHA-256.
pub fn branch(kind: ChangeKind, job: &JobKey) -> String {
    let prefix = match kind {
        ChangeKind::Rightsize => "plimsoll",
        ChangeKind::Revert => "plimsoll-revert",
    };
    let name = match job.kind {
        JobKind::Deployment => job.name.clone(),
        other => format!("{other}.{}", job.name),
    };
    // A deployment may be called like a session job's branch.
    let ambiguous = job.kind == JobKind::Deployment
        && (name.starts_with("sessionjob.") || name.starts_with("bluegreen."));
    let parts = [job.cluster.as_str(), job.namespace.as_str(), name.as_str()];
    let plain = format!("{prefix}/{}", parts.join("/"));
    if plain.len() <= LIMIT && !ambiguous && parts.iter().all(|part| is_safe(part)) {
        return plain;
    }
    let hash = &sha256_hex(job.to_string().as_bytes())[..8];
    let share = (LIMIT - prefix.len() - 3 - 9) / 3;
    let [cluster, namespace, name] = parts.map(|part| slug(part, share));
    format!("{prefix}/{cluster}/{namespace}/{name}-{hash}")
}

/// Whether a component may stand as it is.
fn is_safe(part: &str) -> bool {
    !part.is_empty()
        && part
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        && !part.starts_with(['.', '-'])
        && !part.ends_with('.')
        && !part.ends_with(".lock")
        && !part.contains("..")
}

/// A safe component of at most `length` bytes that still reminds of the name.
fn slug(part: &str, length: usize) -> String {
    let mut slug = String::new();
    for c in part.to_lowercase().chars() {
        if slug.len() >= length {
            break;
        }
        let fits = c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if fits {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-').to_string();
    if slug.is_empty() {
        "x".to_string()
    } else {
        slug
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(kind: JobKind, cluster: &str, namespace: &str, name: &str) -> JobKey {
        JobKey {
            cluster: cluster.into(),
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    #[test]
    fn plain_names_stay() {
        let plain = job(JobKind::Deployment, "prod", "payments", "orders-enrich");
        assert_eq!(
            branch(ChangeKind::Rightsize, &plain),
            "plimsoll/prod/payments/orders-enrich"
        );
        assert_eq!(
            branch(ChangeKind::Revert, &plain),
            "plimsoll-revert/prod/payments/orders-enrich"
        );
        let session = job(JobKind::SessionJob, "prod", "payments", "orders");
        assert_eq!(
            branch(ChangeKind::Rightsize, &session),
            "plimsoll/prod/payments/sessionjob.orders"
        );
    }

    #[test]
    fn hostile_and_long_names_become_slugs_that_git_takes_and_that_differ() {
        let long = "n".repeat(200);
        let names = [
            "a..b",
            "A",
            "a",
            ".a",
            "a.lock",
            "-a",
            "a b",
            "a~b",
            "a^b",
            "@{a}",
            "äöü",
            "日本",
            "",
            "a/b",
            "a\nb",
            "\u{202e}a",
            "sessionjob.a",
            "bluegreen.a",
            long.as_str(),
            "refs/heads/main",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            let branch = branch(
                ChangeKind::Rightsize,
                &job(JobKind::Deployment, "c", "n", name),
            );
            assert!(branch.len() <= LIMIT, "{branch}");
            assert!(
                branch.split('/').count() == 4 && branch.split('/').all(is_safe),
                "{name:?}: {branch}"
            );
            assert!(
                seen.insert(branch.clone()),
                "{name:?} shares its branch {branch}"
            );
        }
        let session = branch(
            ChangeKind::Rightsize,
            &job(JobKind::SessionJob, "c", "n", "a"),
        );
        assert!(seen.insert(session));
    }
}
