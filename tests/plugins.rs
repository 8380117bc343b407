//! Plug-ins that are programs: good ones, and every way of being bad.

use plimsoll::clients::plugin::{ExecPlugin, Program};
use plimsoll::evaluate::plugin::{CollectAnswer, CollectAsk, CollectRequest, PROTOCOL};
use plimsoll::ports::{MetricCollector, PluginError};
use plimsoll::snapshot::{JobKey, JobKind};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const GOOD: &str = r#"echo '{"schema":"plimsoll.dev/plugin/v1","metrics":{"queue.depth":7}}'"#;

fn shell(folder: &Path, script: &str, timeout_ms: u64) -> ExecPlugin {
    ExecPlugin::new(Program {
        name: "test".to_string(),
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_string(), script.to_string()],
        folder: folder.to_path_buf(),
        environment: vec![
            ("PATH".to_string(), "/usr/bin:/bin".into()),
            ("LISTED".to_string(), "yes".into()),
        ],
        timeout: Duration::from_millis(timeout_ms),
        max_output: 1 << 16,
    })
}

/// A request of a size that no pipe holds.
fn request(bytes: usize) -> CollectRequest {
    CollectRequest {
        schema: PROTOCOL.to_string(),
        ask: CollectAsk::Collect,
        plugin: "test".to_string(),
        job: JobKey {
            cluster: "c".to_string(),
            kind: JobKind::Deployment,
            namespace: "n".to_string(),
            name: "j".to_string(),
        },
        at_ms: 0,
        job_id: None,
        configuration: BTreeMap::from([("large".to_string(), "x".repeat(bytes))]),
    }
}

async fn ask(script: &str, timeout_ms: u64, bytes: usize) -> Result<CollectAnswer, PluginError> {
    let folder = tempfile::tempdir().unwrap();
    let plugin = shell(folder.path(), script, timeout_ms);
    plugin.collect(&request(bytes)).await
}

#[tokio::test]
async fn a_good_program_is_heard_whether_it_reads_its_request_or_not() {
    for script in [
        format!("cat >/dev/null; {GOOD}"),
        GOOD.to_string(),
        format!("exec <&-; {GOOD}"),
        format!("{GOOD}; cat >/dev/null"),
    ] {
        let answer = ask(&script, 20_000, 4 << 20).await.unwrap();
        assert_eq!(answer.metrics["queue.depth"], 7.0, "{script}");
    }
}

#[tokio::test]
async fn its_environment_is_what_is_listed() {
    let script = format!(
        "test \"$LISTED\" = yes && test -z \"$HOME\" && test -z \"$CARGO_MANIFEST_DIR\" && {GOOD}"
    );
    assert!(ask(&script, 20_000, 0).await.is_ok());
}

#[tokio::test]
async fn every_bad_end_is_an_error_of_its_own() {
    let failed = ask("echo what a day >&2; exit 3", 20_000, 0)
        .await
        .unwrap_err();
    let PluginError::Failed { status, last_line } = &failed else {
        panic!("{failed}")
    };
    assert!(
        status.contains('3') && last_line == "what a day",
        "{failed}"
    );
    assert!(matches!(
        ask("kill -s KILL $$", 20_000, 0).await,
        Err(PluginError::Failed { .. })
    ));
    assert_eq!(ask("exit 0", 20_000, 0).await, Err(PluginError::Empty));
    assert_eq!(ask("echo; echo", 20_000, 0).await, Err(PluginError::Empty));
    for garbage in [
        "echo hello",
        "printf '\\377\\376\\000'",
        "echo '{\"schema\":\"plimsoll.dev/plugin/v1\",\"metrics\":{\"x\":NaN}}'",
        "echo '{\"schema\":\"plimsoll.dev/plugin/v1\",\"metrics\":{\"x\":1e999}}'",
        "echo '{\"schema\":\"plimsoll.dev/plugin/v1\",\"metricks\":{}}'",
        "echo '{\"schema\":\"plimsoll.dev/plugin/v1\"'",
        "echo '{\"metrics\":{}}'",
        "echo '{\"schema\":\"plimsoll.dev/plugin/v1\"} and more'",
        "yes '[' | head -n 20000 | tr -d '\\n'",
    ] {
        let answer = ask(garbage, 20_000, 0).await;
        assert!(
            matches!(answer, Err(PluginError::Unreadable { .. })),
            "{garbage}: {answer:?}"
        );
    }
    assert!(matches!(
        ask("echo '{\"schema\":\"v9\"}'", 20_000, 0).await,
        Err(PluginError::Schema { .. })
    ));
    let nothing = ExecPlugin::new(Program {
        name: "none".to_string(),
        program: "/nowhere/at/all".into(),
        arguments: Vec::new(),
        folder: ".".into(),
        environment: Vec::new(),
        timeout: Duration::from_secs(20),
        max_output: 1,
    });
    assert!(matches!(
        nothing.collect(&request(0)).await,
        Err(PluginError::NotStarted { .. })
    ));
}

#[tokio::test]
async fn gigabytes_and_hanging_are_cut_off() {
    for (script, stream) in [("yes", "stdout"), ("yes >&2", "stderr")] {
        assert_eq!(
            ask(script, 60_000, 0).await,
            Err(PluginError::TooMuchOutput {
                stream,
                limit: 1 << 16
            })
        );
    }
    for script in [
        "sleep 600",
        "exec >&-; sleep 600",
        "trap '' TERM; sleep 600; sleep 600",
    ] {
        assert!(
            matches!(
                ask(script, 300, 1 << 20).await,
                Err(PluginError::TimedOut { .. })
            ),
            "{script}"
        );
    }
}

/// Whether a process still runs: one that has ended and waits to be reaped does not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

#[tokio::test]
async fn children_die_with_their_plug_in() {
    for (script, timeout_ms) in [
        // It leaves a child that holds its output, one that does not, and one when it is cut off.
        (format!("sleep 600 & echo $! >pid; {GOOD}"), 20_000),
        (
            format!("sleep 600 >/dev/null 2>&1 </dev/null & echo $! >pid; {GOOD}"),
            20_000,
        ),
        ("sleep 600 & echo $! >pid; sleep 600".to_string(), 2_000),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = shell(folder.path(), &script, timeout_ms)
            .collect(&request(0))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                PluginError::LeftChildren | PluginError::TimedOut { .. }
            ),
            "{script}: {error}"
        );
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        // A signal was sent; the kernel takes a moment.
        for _ in 0..200 {
            if !runs(&pid) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!runs(&pid), "{script}");
    }
}
