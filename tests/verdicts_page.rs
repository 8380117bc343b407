//! `docs/verdicts.md` is complete: a heading for each verdict and state, in order, with the same four parts.

use plimsoll::classify::VerdictId;
use plimsoll::recommend::no_size;
use plimsoll::snapshot::Workload;
use std::path::Path;

const PARTS: [&str; 4] = ["**Means:**", "**From:**", "**Do:**", "**Never means:**"];

#[test]
fn every_verdict_and_state_has_its_heading() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verdicts.md");
    let page = std::fs::read_to_string(file).expect("docs/verdicts.md");
    let sections: Vec<(&str, &str)> = page
        .split("\n## ")
        .skip(1)
        .map(|section| section.split_once('\n').expect("a heading"))
        .collect();
    let states = [
        Workload::Shared { jobs: 2 },
        Workload::Batch,
        Workload::Finished,
    ];
    let mut expected: Vec<String> = VerdictId::ALL.iter().map(ToString::to_string).collect();
    expected.extend(
        states
            .iter()
            .map(|state| no_size(*state).expect("a state").reason.to_string()),
    );
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings, expected);
    for (heading, text) in sections {
        let places: Vec<Option<usize>> = PARTS.iter().map(|part| text.find(part)).collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{heading}: {places:?}"
        );
    }
}
