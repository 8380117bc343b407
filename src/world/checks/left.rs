//! The lines of `check` about what is left to do: what runs Plimsoll, how often, and what a person has still to fill in.

use super::{Line, line, todo};
use crate::config::Config;
use crate::policy::Mode;
use crate::quantity::FlinkDuration;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;

/// The slowest cadence that sees what the watcher's thresholds are about.
const WATCH_MINUTES: u64 = 10;

/// Words that `init` leaves for a person.
const LEFT: [&str; 3] = ["OWNER/REPOSITORY", "REGISTRY/", "NAMESPACE/NAME"];

/// What is left.
pub fn lines(config: &Config, folder: &Utf8Path) -> Vec<Line> {
    let root = root(folder);
    let mut lines = Vec::new();
    let mut minutes: Vec<u64> = Vec::new();
    let mut runners = 0;
    for (path, text) in runners_of(&root) {
        runners += 1;
        lines.extend(of_runner(&path, &text));
        minutes.extend(
            crons(&text)
                .iter()
                .filter_map(|cron| minutes_of(cron))
                .flatten(),
        );
    }
    lines.extend(filled_in(config));
    if runners == 0 {
        lines.push(todo("schedule", "nothing here starts Plimsoll: `plimsoll init --print` shows a workflow, `plimsoll init --cronjob --print` a CronJob"));
    }
    let gap = longest_gap(minutes).or_else(|| {
        let every = config.schedule.every.as_ref();
        every.map(|every| every.millis().div_ceil(60_000))
    });
    if let Some(gap) = gap {
        lines.push(cadence(config, gap));
    }
    if config.mode == Mode::Report {
        lines.push(todo(
            "mode",
            "runs only report; when the report reads right, say `mode: propose` in plimsoll.yaml",
        ));
    }
    lines
}

/// The repository's folder: that of the configuration, or the one above `.github`.
fn root(folder: &Utf8Path) -> Utf8PathBuf {
    if folder.file_name() == Some(".github") {
        folder.parent().unwrap_or(Utf8Path::new("")).to_path_buf()
    } else {
        folder.to_path_buf()
    }
}

/// Workflows and the CronJob that start Plimsoll, with their paths.
fn runners_of(root: &Utf8Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let workflows = root.join(".github/workflows");
    if let Ok(entries) = workflows.read_dir_utf8() {
        for entry in entries.flatten() {
            let path = entry.path().to_path_buf();
            let is_yaml = matches!(path.extension(), Some("yaml" | "yml"));
            if let Some(text) = is_yaml.then(|| fs::read_to_string(&path).ok()).flatten()
                && [
                    "plimsoll observe",
                    "plimsoll run",
                    "plimsoll watch",
                    "plimsoll-commit:",
                ]
                .iter()
                .any(|word| text.contains(word))
            {
                found.push((format!(".github/workflows/{}", entry.file_name()), text));
            }
        }
    }
    if let Ok(text) = fs::read_to_string(root.join("plimsoll-cronjob.yaml")) {
        found.push(("plimsoll-cronjob.yaml".to_string(), text));
    }
    found.sort();
    found
}

/// What one workflow or CronJob still lacks.
fn of_runner(path: &str, text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let left: Vec<String> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| LEFT.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("line {}: {}", number + 1, line.trim()))
        .collect();
    if !left.is_empty() {
        lines.push(line(path, Err(format!("fill in {}", left.join("; ")))));
    }
    let loose: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("uses: "))
        .map(|(_, used)| used.split_whitespace().next().unwrap_or_default())
        .filter(|used| !used.starts_with("./") && !is_pinned(used))
        .collect();
    if !loose.is_empty() {
        lines.push(line(path, Err(format!("{} can be changed by others: pin each by the commit of its version; `plimsoll init --print` shows those that this version of Plimsoll knows", loose.join(", ")))));
    }
    let needs: Vec<&str> = [
        "secrets.PLIMSOLL_KUBECONFIG",
        "vars.PLIMSOLL_URL",
        "vars.PLIMSOLL_SHA256",
    ]
    .into_iter()
    .filter(|name| text.contains(name))
    .filter_map(|name| name.split_once('.').map(|(_, name)| name))
    .collect();
    if !needs.is_empty() {
        lines.push(todo(path, &format!("it reads {}, which can't be seen from here: set them in the repository's Settings > Secrets and variables > Actions; the head of the file says what each holds", needs.join(", "))));
    }
    if lines.is_empty() {
        lines.push(line(
            path,
            Ok("nothing in it is left to fill in".to_string()),
        ));
    }
    lines
}

fn is_pinned(used: &str) -> bool {
    used.split_once('@').is_some_and(|(_, commit)| {
        commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit())
    })
}

/// Names in the configuration that stand for others.
fn filled_in(config: &Config) -> Option<Line> {
    let values = config.repository.values.iter();
    let left = values
        .flat_map(|mapping| &mapping.jobs)
        .any(|job| job == "NAMESPACE/NAME");
    left.then(|| {
        line(
            "repository.values",
            Err("name the chart's jobs in place of NAMESPACE/NAME".to_string()),
        )
    })
}

/// Whether what the watcher looks for can be seen at this cadence.
fn cadence(config: &Config, gap: u64) -> Line {
    let what = "cadence";
    if config.history.prometheus.is_some() {
        return line(
            what,
            Ok(format!(
                "a run every {gap} min at least, and the Prometheus sees what is between: what hurts is answered within {gap} min"
            )),
        );
    }
    if gap <= WATCH_MINUTES {
        return line(what, Ok(format!("a look every {gap} min at least")));
    }
    let settings = &config.watch;
    let unseen: Vec<String> = [
        ("backpressure", &settings.backpressure_for),
        ("lag", &settings.lag_for),
        ("a crash loop", &settings.restarts_within),
    ]
    .into_iter()
    .filter(|(_, time): &(&str, &FlinkDuration)| time.millis() < gap * 60_000)
    .map(|(what, time)| format!("{what} of {} min", time.millis() / 60_000))
    .collect();
    todo(
        what,
        &format!(
            "runs come up to {gap} min apart, and nothing is seen between them: {} can begin and end unseen. Start `plimsoll observe` and `plimsoll watch` every 5 to {WATCH_MINUTES} minutes, or name a Prometheus in `history.prometheus`",
            if unseen.is_empty() {
                "what hurts for less".to_string()
            } else {
                unseen.join(", ")
            }
        ),
    )
}

/// The cron expressions of a workflow or a CronJob.
fn crons(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim().trim_start_matches("- ");
            let value = line
                .strip_prefix("cron:")
                .or_else(|| line.strip_prefix("schedule:"))?;
            let value = value.trim();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            Some(value[1..].split(quote).next()?.to_string())
        })
        .collect()
}

/// The minutes of each hour at which a cron expression fires; none where it does not fire each hour.
fn minutes_of(cron: &str) -> Option<Vec<u64>> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minutes, "*", "*", "*", "*"] = fields.as_slice() else {
        return None;
    };
    let mut found = Vec::new();
    for part in minutes.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse::<u64>().ok()?, to.parse::<u64>().ok()?),
            None if range == "*" => (0, 59),
            None => {
                let from = range.parse::<u64>().ok()?;
                (from, if part.contains('/') { 59 } else { from })
            }
        };
        found.extend((from..=to.min(59)).step_by(step));
    }
    Some(found)
}

/// The longest time between two minutes of an hour, around its end too.
fn longest_gap(mut minutes: Vec<u64>) -> Option<u64> {
    minutes.sort_unstable();
    minutes.dedup();
    let (first, last) = (*minutes.first()?, *minutes.last()?);
    let around = first + 60 - last;
    let between = minutes.windows(2).map(|two| two[1] - two[0]);
    between.chain([around]).max()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_between_runs() {
        for (crons, gap) in [
            (&["17 * * * *"][..], Some(60)),
            (&["17 * * * *", "7,27,37,47,57 * * * *"], Some(10)),
            (&["*/5 * * * *"], Some(5)),
            (&["10-50/20 * * * *"], Some(20)),
            (&["5/15 * * * *"], Some(15)),
            (&["0 3 * * *"], None),
            (&["0 3 * * *", "30 * * * *"], Some(60)),
            (&["x * * * *"], None),
            (&["*/0 * * * *"], None),
        ] {
            let minutes = crons.iter().filter_map(|cron| minutes_of(cron)).flatten();
            assert_eq!(longest_gap(minutes.collect()), gap, "{crons:?}");
        }
        let text = "on:\n  schedule:\n  - cron: \"17 * * * *\"   # hourly\nspec:\n  schedule: '*/5 * * * *'\n";
        assert_eq!(crons(text), ["17 * * * *", "*/5 * * * *"]);
    }

    #[test]
    fn what_a_person_has_still_to_do_is_named_with_its_line() {
        let text = "image: REGISTRY/plimsoll:0.2.0\nuses: actions/checkout@v4\nkey: ${{ secrets.PLIMSOLL_KUBECONFIG }}\n";
        let told = of_runner("w.yaml", text);
        let told: Vec<(bool, &str)> = told
            .iter()
            .map(|line| (line.ok, line.message.as_str()))
            .collect();
        assert!(!told[0].0 && told[0].1.contains("line 1"), "{told:?}");
        assert!(
            !told[1].0 && told[1].1.contains("actions/checkout@v4"),
            "{told:?}"
        );
        assert!(
            told[2].0 && told[2].1.contains("PLIMSOLL_KUBECONFIG"),
            "{told:?}"
        );
        let pinned = format!(
            "uses: actions/checkout@{} # v7.0.1\nuses: ./x\n",
            "a".repeat(40)
        );
        let told = of_runner("w.yaml", &pinned);
        assert!(told[0].ok && told.len() == 1, "{told:?}");
    }
}
