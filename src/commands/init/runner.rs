//! What runs Plimsoll: the workflow with its actions pinned, and the CronJob with its images.

use crate::world::Surroundings;

const WORKFLOW: &str = include_str!("../../../templates/init/workflow.yaml");
const INSTALL: &str = include_str!("../../../templates/init/install.yaml");
const CRONJOB: &str = include_str!("../../../templates/init/cronjob.yaml");
/// Action, version and commit, one a line.
const PINS: &str = include_str!("../../../templates/init/pins");

/// The ending of our own action's name in the table. It is there once a release has archives.
const OWN_ACTION: &str = "/.github/actions/plimsoll";

/// What the workflow needs where it can't use our own action yet.
const NEEDS: &str = "# - Secrets and variables > Actions > variables PLIMSOLL_URL and PLIMSOLL_SHA256: where a runner fetches a .tar.gz with the binary `plimsoll`
#   in it, and the archive's SHA-256. A runner that has `plimsoll` on its PATH needs neither.
";

/// `owner/name` of the repository that built this binary, where its release workflow did.
const BUILT_BY: Option<&str> = option_env!("PLIMSOLL_REPOSITORY");

/// An action of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pin<'a> {
    /// `owner/name`, or `owner/name/path` for our own.
    pub action: &'a str,
    /// The version's tag.
    pub version: &'a str,
    /// The commit of that tag.
    pub commit: &'a str,
}

/// The table of pinned actions.
pub fn pins() -> Vec<Pin<'static>> {
    read(PINS)
}

fn read(table: &str) -> Vec<Pin<'_>> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(Pin {
            action: words.next()?,
            version: words.next()?,
            commit: words.next()?,
        })
    })
    .collect()
}

/// The workflow.
pub fn workflow() -> String {
    workflow_with(&pins())
}

fn workflow_with(pins: &[Pin<'_>]) -> String {
    let own = pins.iter().find(|pin| pin.action.ends_with(OWN_ACTION));
    let install = match own {
        Some(pin) => format!("      uses: {}\n", used(pin.action, pin)),
        None => INSTALL.to_string(),
    };
    let needs = if own.is_some() { "" } else { NEEDS };
    let text = WORKFLOW
        .replace("@install\n", &install)
        .replace("@needs\n", needs);
    text.lines()
        .map(|line| {
            let Some((before, action)) = line
                .split_once("uses: ")
                .and_then(|(before, rest)| Some((before, rest.strip_suffix("@PIN")?)))
            else {
                return format!("{line}\n");
            };
            let known = pins.iter().find(|pin| {
                action
                    .strip_prefix(pin.action)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            match known {
                Some(pin) => format!("{before}uses: {}\n", used(action, pin)),
                None => format!("{line}\n"),
            }
        })
        .collect()
}

fn used(action: &str, pin: &Pin<'_>) -> String {
    format!("{action}@{} # {}", pin.commit, pin.version)
}

/// The CronJob; what could not be told stands in capital letters.
pub fn cronjob(found: &Surroundings) -> String {
    let clone = match &found.remote {
        Some(remote) => format!("https://{}/{}.git", remote.host, remote.repository),
        None => "https://github.com/OWNER/REPOSITORY.git".to_string(),
    };
    CRONJOB
        .replace("@clone", &clone)
        .replace("@image", &image(BUILT_BY))
}

fn image(built_by: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match built_by {
        Some(repository) => format!("ghcr.io/{}:{version}", repository.to_ascii_lowercase()),
        None => format!("REGISTRY/plimsoll:{version}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_pinned_by_a_commit_with_its_version_beside_it() {
        for pin in pins() {
            let hexadecimal = pin.commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(hexadecimal && pin.commit.len() == 40, "{pin:?}");
            assert!(pin.version.starts_with('v'), "{pin:?}");
        }
        let text = workflow();
        assert!(!text.contains("@PIN") && !text.contains("@install") && !text.contains("@needs"));
        let uses = text.lines().filter(|line| line.contains("uses: "));
        assert!(uses.clone().count() >= 6);
        for line in uses {
            let (_, commit) = line.split_once('@').unwrap();
            assert!(
                pins()
                    .iter()
                    .any(|pin| commit == format!("{} # {}", pin.commit, pin.version)),
                "{line}"
            );
        }
    }

    #[test]
    fn with_a_release_of_ours_the_workflow_uses_our_action() {
        let own = format!(
            "{PINS}acme/plimsoll{OWN_ACTION} v0.2.0 {}\n",
            "a".repeat(40)
        );
        let text = workflow_with(&read(&own));
        let step = format!(
            "    - name: Install Plimsoll\n      uses: acme/plimsoll{OWN_ACTION}@{} # v0.2.0\n",
            "a".repeat(40)
        );
        assert_eq!(text.matches(&step).count(), 2, "{text}");
        assert!(!text.contains("PLIMSOLL_SHA256"));
    }

    #[test]
    fn the_image_is_the_one_of_the_repository_that_built_the_binary() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            image(Some("Acme/plimsoll")),
            format!("ghcr.io/acme/plimsoll:{version}")
        );
        assert_eq!(image(None), format!("REGISTRY/plimsoll:{version}"));
    }
}
