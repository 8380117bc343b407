//! Sealed files that somebody else made: each is a real one with one thing changed, and sealed anew, so that its digest fits.

use plimsoll::record::{seal, unseal};
use serde_json::{Value, json};
use std::path::Path;

/// A name, and what is changed.
pub type Forgery = (&'static str, fn(&mut Value));

/// The file with a change made, sealed again.
pub fn forge(file: &Path, change: impl FnOnce(&mut Value)) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let mut content = unseal(&text, None).unwrap();
    change(&mut content);
    seal(&content, None).unwrap()
}

/// The first proposal of a plan.
fn proposal(plan: &mut Value) -> &mut Value {
    let items = plan["items"].as_array_mut().unwrap();
    items
        .iter_mut()
        .find(|item| item["state"] == "propose")
        .unwrap()
}

fn set_fields(plan: &mut Value, change: impl Fn(&mut Value)) {
    let item = proposal(plan);
    change(&mut item["change"]["fields"]);
    change(&mut item["change"]["evidence"]["fields"]);
}

/// Forgeries of a plan with a proposal. None of them may write anything.
pub const PLANS: &[Forgery] = &[
    ("the job of the evidence", |plan| {
        proposal(plan)["change"]["evidence"]["job"]["name"] = json!("main");
    }),
    ("the cluster of the evidence", |plan| {
        proposal(plan)["change"]["evidence"]["job"]["cluster"] = json!("../..");
    }),
    ("the job of the recommendation", |plan| {
        proposal(plan)["change"]["recommendation"]["job"]["namespace"] = json!("x");
    }),
    ("the job of the item", |plan| {
        proposal(plan)["job"]["name"] = json!("x");
    }),
    ("a cluster that is not configured, everywhere", |plan| {
        let item = proposal(plan);
        for job in ["/job", "/change/recommendation/job", "/change/evidence/job"] {
            item.pointer_mut(job).unwrap()["cluster"] = json!("elsewhere");
        }
    }),
    ("a workflow as its file", |plan| {
        set_fields(plan, |fields| {
            for field in fields.as_array_mut().unwrap() {
                field["file"] = json!(".github/workflows/pwn.yaml");
            }
        });
        proposal(plan)["change"]["file"] = json!(".github/workflows/pwn.yaml");
    }),
    ("another field in place of its own", |plan| {
        set_fields(plan, |fields| {
            fields[0]["path"] = json!("spec.image");
            fields[0]["after"] = json!("evil:1");
        });
    }),
    ("one field more", |plan| {
        set_fields(plan, |fields| {
            let mut more = fields[0].clone();
            more["path"] = json!("spec.job.jarURI");
            more["before"] = Value::Null;
            more["after"] = json!("http://evil/x.jar");
            fields.as_array_mut().unwrap().push(more);
        });
    }),
    (
        "an option that sizes nothing, as its recommendation says",
        |plan| {
            set_fields(plan, |fields| {
                let mut more = fields[0].clone();
                more["path"] = json!("spec.flinkConfiguration[\"env.java.opts.all\"]");
                more["before"] = Value::Null;
                more["after"] = json!("-javaagent:/evil.jar");
                fields.as_array_mut().unwrap().push(more);
            });
            let size = &mut proposal(plan)["change"]["recommendation"]["proposed"];
            size["options"] = json!({"env.java.opts.all": "-javaagent:/evil.jar"});
        },
    ),
    ("a field twice", |plan| {
        set_fields(plan, |fields| {
            let again = fields[0].clone();
            fields.as_array_mut().unwrap().push(again);
        });
    }),
    ("no field", |plan| {
        set_fields(plan, |fields| *fields = json!([]))
    }),
    ("a field taken away", |plan| {
        set_fields(plan, |fields| fields[0]["after"] = Value::Null);
    }),
    ("another value than recommended", |plan| {
        set_fields(plan, |fields| fields[0]["after"] = json!("1"));
    }),
    ("another value in the evidence alone", |plan| {
        proposal(plan)["change"]["evidence"]["fields"][0]["after"] = json!("1");
    }),
    ("another value before", |plan| {
        set_fields(plan, |fields| fields[0]["before"] = json!("77"));
    }),
    ("evidence of a revert", |plan| {
        proposal(plan)["change"]["evidence"]["kind"] = json!("revert");
    }),
    ("evidence that reverts something", |plan| {
        proposal(plan)["change"]["evidence"]["reverts"] = json!("a".repeat(64));
    }),
    ("evidence of another schema", |plan| {
        proposal(plan)["change"]["evidence"]["schema"] = json!("plimsoll.evidence/9");
    }),
    ("the same job twice", |plan| {
        let again = proposal(plan).clone();
        plan["items"].as_array_mut().unwrap().push(again);
    }),
    ("no plan at all", |plan| {
        *plan = json!({"schema": "plimsoll.plan/1", "items": 3})
    }),
    ("another schema", |plan| {
        plan["schema"] = json!("plimsoll.plan/99")
    }),
];

/// Forgeries of due reverts, with one in them. None of them may write anything.
pub const REVERTS: &[Forgery] = &[
    ("whole proposals, as an earlier version took them", |due| {
        *due = json!({
            "schema": "plimsoll.watch/1", "changes": [], "ledger": {},
            "reverts": [{"made_on": {}, "proposal": {
                "kind": "revert", "branch": "main", "title": "t", "body": "b", "commit_message": "m",
                "files": {".github/workflows/pwn.yaml": "b246IHB1c2gK"}, "labels": [],
                "fingerprint": "f", "change": "c",
                "job": {"cluster": "c", "kind": "deployment", "namespace": "n", "name": "j"},
            }}],
        });
    }),
    ("a branch of its own", |due| {
        due["reverts"][0]["branch"] = json!("main")
    }),
    ("files of its own", |due| {
        due["reverts"][0]["files"] = json!({".github/workflows/pwn.yaml": "b246IHB1c2gK"});
    }),
    ("another job", |due| {
        due["reverts"][0]["evidence"]["job"]["name"] = json!("x")
    }),
    ("a change that was never merged", |due| {
        due["reverts"][0]["evidence"]["reverts"] = json!("a".repeat(64));
    }),
    ("no change", |due| {
        due["reverts"][0]["evidence"]["reverts"] = Value::Null
    }),
    ("a path as the change", |due| {
        due["reverts"][0]["evidence"]["reverts"] = json!("../../secret");
    }),
    ("another value", |due| {
        due["reverts"][0]["evidence"]["fields"][0]["after"] = json!("1");
    }),
    ("another field", |due| {
        due["reverts"][0]["evidence"]["fields"][0]["path"] = json!("spec.image");
    }),
    ("other thresholds", |due| {
        due["reverts"][0]["evidence"]["thresholds"]["lag_ms"] = json!(1);
    }),
    ("no breach", |due| due["reverts"][0]["breaches"] = json!([])),
    ("another breach than the evidence's", |due| {
        due["reverts"][0]["breaches"][0]["message"] = json!("@everyone");
    }),
    ("evidence of a rightsizing", |due| {
        due["reverts"][0]["evidence"]["kind"] = json!("rightsize");
    }),
    ("the same job twice", |due| {
        let again = due["reverts"][0].clone();
        due["reverts"].as_array_mut().unwrap().push(again);
    }),
    ("a workflow in the ledger", |due| {
        due["ledger"][".github/workflows/pwn.yaml"] = json!("on: push\n");
    }),
    ("a path out of the ledger", |due| {
        due["ledger"]["../../x.json"] = json!("{}")
    }),
    ("an entry that is none", |due| {
        let path = format!("{}/0000000000001-live.json", "a".repeat(64));
        due["ledger"][path] = json!("{}");
    }),
    ("an entry of a change that git does not know", |due| {
        let change = "a".repeat(64);
        let (path, text) = entry(&change, 1, "live");
        due["ledger"][path] = json!(text);
    }),
    ("a real entry with more in it", |due| {
        let ledger = due["ledger"].as_object_mut().unwrap();
        let path = ledger.keys().find(|path| path.ends_with("-regressed.json"));
        let path = path.unwrap().clone();
        let text = ledger[&path]
            .as_str()
            .unwrap()
            .replacen('{', "{\"more\": 1,", 1);
        ledger.insert(path, json!(text));
    }),
    ("an entry from the future", |due| {
        let change = due["reverts"][0]["evidence"]["reverts"].clone();
        let (path, text) = entry(change.as_str().unwrap(), 9_000_000_000_000, "live");
        due["ledger"][path] = json!(text);
    }),
    ("a heartbeat of its own making", |due| {
        due["ledger"]["heartbeats/0000000000001.json"] = json!("{\"at_ms\": 1}");
    }),
];

/// An entry as the ledger has them, of a job that is not the change's.
fn entry(change: &str, at_ms: i64, event: &str) -> (String, String) {
    use plimsoll::record::{Event, LedgerEntry};
    use plimsoll::snapshot::{JobKey, JobKind};
    assert_eq!(event, "live");
    let job = JobKey {
        cluster: "c".into(),
        kind: JobKind::Deployment,
        namespace: "n".into(),
        name: "j".into(),
    };
    let entry = LedgerEntry::new(change, &job, at_ms, Event::Live);
    let text = String::from_utf8(entry.to_bytes().unwrap()).unwrap();
    (entry.path(), text)
}
