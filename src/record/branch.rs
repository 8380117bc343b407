//! Names of branches. One job and kind has one branch, whatever its advice.

use super::canonical::sha256_hex;
use super::evidence::ChangeKind;
use crate::snapshot::{JobKey, JobKind};
use std::fmt;
use std::ops::Deref;

/// The branch that holds the ledger.
pub const LEDGER_BRANCH: &str = "plimsoll-ledger";

/// The longest name, bytes.
const LIMIT: usize = 100;

/// The branch of a change. It can only be made from a change's kind and its job, so that nothing that came from outside (a file, a page, an
/// answer of a forge) can name the branch that a change is written to: neither the base branch nor the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeBranch(String);

impl ChangeBranch {
    /// Its name, without `refs/heads/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ChangeBranch {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeBranch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<ChangeBranch> for String {
    fn eq(&self, other: &ChangeBranch) -> bool {
        *self == other.0
    }
}

impl PartialEq<&str> for ChangeBranch {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// A branch that Plimsoll may write to. There is no third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnBranch<'a> {
    /// That of a change.
    Change(&'a ChangeBranch),
    /// The ledger.
    Ledger,
}

impl OwnBranch<'_> {
    /// Its name, without `refs/heads/`.
    pub fn as_str(&self) -> &str {
        match self {
            OwnBranch::Change(branch) => branch.as_str(),
            OwnBranch::Ledger => LEDGER_BRANCH,
        }
    }

    /// The sentence that refuses to write to it where it is the base branch; absent where it is not.
    pub fn refuse_as_base(&self, base: &str) -> Option<String> {
        (self.as_str() == base).then(|| {
            format!(
                "`{base}` is the base branch, and Plimsoll writes nothing to it: name another one as `repository.base` in the configuration"
            )
        })
    }
}

impl fmt::Display for OwnBranch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The branch of a job's pull requests of a kind: `plimsoll/<cluster>/<namespace>/<job>` or `plimsoll-revert/…`, with
/// `sessionjob.` or `bluegreen.` before the name of a job of those kinds. A name that git or a file system might refuse or
/// confuse with another (capitals, `..`, `.lock`, a hundred bytes) becomes a slug with eight digits of the key's SHA-256.
pub fn branch(kind: ChangeKind, job: &JobKey) -> ChangeBranch {
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
        return ChangeBranch(plain);
    }
    let hash = &sha256_hex(job.to_string().as_bytes())[..8];
    let share = (LIMIT - prefix.len() - 3 - 9) / 3;
    let [cluster, namespace, name] = parts.map(|part| slug(part, share));
    ChangeBranch(format!("{prefix}/{cluster}/{namespace}/{name}-{hash}"))
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

    #[test]
    fn no_job_has_the_base_branch_or_the_ledger() {
        let names = [
            "main",
            "master",
            "plimsoll-ledger",
            "..",
            "",
            "a/../../main",
        ];
        for kind in [ChangeKind::Rightsize, ChangeKind::Revert] {
            for (cluster, name) in names.iter().flat_map(|one| names.map(|two| (*one, two))) {
                let of = branch(kind, &job(JobKind::Deployment, cluster, name, name));
                assert!(
                    of.starts_with("plimsoll/") || of.starts_with("plimsoll-revert/"),
                    "{of}"
                );
                assert!(!of.contains(".."), "{of}");
            }
        }
        let of = branch(
            ChangeKind::Rightsize,
            &job(JobKind::Deployment, "c", "n", "j"),
        );
        let own = OwnBranch::Change(&of);
        assert!(own.refuse_as_base("plimsoll/c/n/j").is_some());
        assert_eq!(own.refuse_as_base("main"), None);
        assert!(OwnBranch::Ledger.refuse_as_base(LEDGER_BRANCH).is_some());
    }
}
