//! How plug-ins are configured, looked for, and shut off from our environment.

use super::*;

#[test]
fn plugins_that_are_configured_wrongly_are_refused_with_exit_code_2() {
    let place = Place::new("");
    for (config, wanted) in [
        (
            "evaluators: [nobody]\n",
            "evaluators: there is no evaluator `nobody`",
        ),
        (
            "collectors: [nobody]\n",
            "collectors: there is no collector `nobody`",
        ),
        (
            "realizer: nobody\n",
            "realizer: there is no realizer `nobody`",
        ),
        (
            "plugins: {x: {kind: collector, exec: [true]}}\nevaluators: [x]\n",
            "there is no evaluator `x`",
        ),
        (
            "plugins: {x: {kind: collector, exec: []}}\n",
            "plugins.x.exec names no program",
        ),
        ("plugins: {x: {kind: judge, exec: [true]}}\n", "judge"),
        (
            "plugins: {x: {kind: collector, exec: [a], timout: 3s}}\n",
            "timeout",
        ),
        (
            "plugins: {x: {kind: collector, exec: [a], timeout: 1h}}\n",
            "plugins.x.timeout: `1h` is too long",
        ),
        (
            "plugins: {x: {kind: collector, exec: [a], max_output: 1g}}\n",
            "plugins.x.max_output is not between",
        ),
        (
            "plugins: {x: {kind: collector, exec: [a], env: [\"A-B\"]}}\n",
            "plugins.x.env",
        ),
        (
            "plugins: {\"a b\": {kind: collector, exec: [a]}}\n",
            "is not a name",
        ),
    ] {
        place.configure(config);
        let output = place.run(&["plan"]);
        assert_eq!(output.status.code(), Some(2), "{config}: {}", said(&output));
        assert!(
            said(&output).contains(wanted),
            "{config}: {}",
            said(&output)
        );
    }
}

#[test]
fn plugins_are_looked_for_by_check() {
    let place = Place::new(
        "plugins:\n  there: {kind: evaluator, exec: [./fair]}\n  shell: {kind: collector, exec: [sh, x]}\n  gone: {kind: realizer, exec: [./nowhere]}\ncollectors: [shell]\n",
    );
    place.script("fair", "");
    let output = place.run(&["check"]);
    let text = said(&output);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.contains(name))
            .unwrap_or_default()
            .to_string()
    };
    assert!(
        line("plug-in there").starts_with("ok")
            && line("plug-in there").contains("whose annotation names it"),
        "{text}"
    );
    assert!(line("plug-in shell").starts_with("ok"), "{text}");
    assert!(
        line("plug-in gone").starts_with("FAIL")
            && line("plug-in gone").contains("plugins.gone.exec"),
        "{text}"
    );
}

#[test]
fn plugins_get_a_clean_environment_and_their_stderr_is_logged() {
    let place = Place::new(&with_evaluator(", env: [LISTED, FIXED=yes, ABSENT]"));
    place.script(
        "fair",
        &format!("cat >/dev/null; env >environment-$$; pwd >>environment-$$; printf 'a word of \\033[31mcolour\\n' >&2; echo '{SILENT}'\n"),
    );
    let secrets = [
        ("GITHUB_TOKEN", "ghp_secret"),
        ("KUBECONFIG", "/secret"),
        ("HOME", "/secret"),
        ("LISTED", "listed"),
    ];
    let now = NOW_MS.to_string();
    let output = run_in(place.path(), &["plan", "-v", "--now", &now], &secrets);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("plug-in fair: a word of "), "{stderr}");
    assert!(!stderr.contains("\u{1b}[31mcolour"), "{stderr}");
    let mut seen = 0;
    for file in fs::read_dir(place.path()).unwrap() {
        let path = file.unwrap().path();
        if !path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("environment-")
        {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(path).unwrap();
        assert!(
            !text.contains("secret") && !text.contains("GITHUB_TOKEN"),
            "{text}"
        );
        assert!(
            text.contains("LISTED=listed\n") && text.contains("FIXED=yes\n"),
            "{text}"
        );
        assert!(text.contains("PATH=") && !text.contains("ABSENT"), "{text}");
    }
    assert_eq!(seen, 3);
    // Without -v the log is silent, and so is the plug-in.
    let output = place.run(&["plan"]);
    assert!(!said(&output).contains("a word of"));
}
