//! The scripts around the product: the action that installs it, the table of pins, what the package holds.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A checkout of the action's repository, a server with one release, and a runner.
struct Runner {
    folder: tempfile::TempDir,
}

const VERSION: &str = "9.8.7";

impl Runner {
    /// With this table of digests; `@digest` in it stands for that of the archive that is served.
    fn new(table: &str) -> Runner {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let action = place.join("source/.github/actions/plimsoll");
        fs::create_dir_all(&action).unwrap();
        fs::copy(
            root().join(".github/actions/plimsoll/install"),
            action.join("install"),
        )
        .unwrap();
        fs::write(
            place.join("source/Cargo.toml"),
            "[package]\nversion = \"1.2.3\"\n",
        )
        .unwrap();
        let releases = place.join(format!("server/acme/plimsoll/releases/download/v{VERSION}"));
        fs::create_dir_all(&releases).unwrap();
        script(
            &releases.join("plimsoll"),
            "#!/bin/sh\necho plimsoll of the archive\n",
        );
        let archive = format!("plimsoll-{VERSION}-{}.tar.gz", target());
        let pack = format!("tar -czf {archive} ./plimsoll; sha256sum {archive}");
        let packed = Command::new("sh")
            .args(["-e", "-c", &pack])
            .current_dir(&releases)
            .output()
            .unwrap();
        let digest = String::from_utf8(packed.stdout).unwrap()[..64].to_string();
        let table = table
            .replace("@target", target())
            .replace("@digest", &digest);
        fs::write(action.join("digests"), table).unwrap();
        fs::create_dir(place.join("bin")).unwrap();
        fs::create_dir(place.join("temp")).unwrap();
        Runner { folder }
    }

    fn install(&self, env: &[(&str, &str)]) -> (Output, String) {
        let place = self.folder.path();
        let path = format!(
            "{}:{}",
            place.join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .arg(place.join("source/.github/actions/plimsoll/install"))
            .env("PATH", path)
            .env("RUNNER_TEMP", place.join("temp"))
            .env("GITHUB_PATH", place.join("path"))
            .env(
                "GITHUB_SERVER_URL",
                format!("file://{}", place.join("server").display()),
            )
            .env("PLIMSOLL_REPOSITORY", "acme/plimsoll")
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output, told)
    }
}

fn target() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "x86_64-unknown-linux-musl",
        ("linux", _) => "aarch64-unknown-linux-musl",
        (_, "x86_64") => "x86_64-apple-darwin",
        _ => "aarch64-apple-darwin",
    }
}

#[test]
fn packaging_the_action_installs_only_what_its_table_has() {
    let good = format!(
        "# table\n0.1.0 @target {}\n{VERSION} @target @digest\n",
        "a".repeat(64)
    );
    let runner = Runner::new(&good);
    let (output, told) = runner.install(&[]);
    assert!(
        output.status.success() && told.contains("plimsoll of the archive"),
        "{told}"
    );
    let added = fs::read_to_string(runner.folder.path().join("path")).unwrap();
    assert!(Path::new(added.trim()).join("plimsoll").exists(), "{added}");

    let bad = Runner::new(&format!("{VERSION} @target {}\n", "a".repeat(64)));
    let (output, told) = bad.install(&[]);
    assert!(
        !output.status.success() && told.contains("it is not what was released"),
        "{told}"
    );
    assert!(
        !bad.folder.path().join("path").exists(),
        "nothing is put on the PATH"
    );
    // A version that the table lacks is not downloaded, though it is served; neither is what is no version.
    for (version, expected) in [
        ("9.9.9", "is in the table"),
        ("1.0 --help", "is no version"),
        ("../../x", "is no version"),
    ] {
        let (output, told) = runner.install(&[("PLIMSOLL_VERSION", version)]);
        assert!(
            !output.status.success() && told.contains(expected),
            "{version}: {told}"
        );
    }
    let (output, told) = runner.install(&[("PLIMSOLL_REPOSITORY", "")]);
    assert!(
        !output.status.success() && told.contains("repository of the releases is not known"),
        "{told}"
    );
}

#[test]
fn packaging_the_action_builds_its_own_source_where_no_digest_is_known() {
    let runner = Runner::new("# none yet\n");
    let cargo = "#!/bin/sh\necho cargo \"$@\"\nwhile [ $# -gt 1 ]; do [ \"$1\" = --root ] && root=$2; shift; done\nmkdir -p \"$root/bin\"\nprintf '#!/bin/sh\\necho built from source\\n' > \"$root/bin/plimsoll\"; chmod +x \"$root/bin/plimsoll\"\n";
    script(&runner.folder.path().join("bin/cargo"), cargo);
    let (output, told) = runner.install(&[]);
    assert!(
        output.status.success() && told.contains("built from source"),
        "{told}"
    );
    assert!(told.contains("cargo install --locked"), "{told}");
    let (output, told) = runner.install(&[("PLIMSOLL_VERSION", "0.0.1")]);
    assert!(
        !output.status.success() && told.contains("at the tag v0.0.1"),
        "{told}"
    );
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "tag.gpgSign=false",
        ])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

#[test]
fn packaging_the_pins_are_refreshed_from_tags_of_both_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let mut commits: BTreeMap<&str, String> = BTreeMap::new();
    for name in ["plain", "annotated"] {
        let repository = folder.path().join("from/acme").join(name);
        fs::create_dir_all(&repository).unwrap();
        git(&repository, &["init", "-q"]);
        for tag in ["v1.9.0", "v1.10.0", "v2.0.0-beta"] {
            git(&repository, &["commit", "-q", "--allow-empty", "-m", tag]);
            let kind: &[&str] = if name == "annotated" {
                &["tag", "-a", "-m", "x", tag]
            } else {
                &["tag", tag]
            };
            git(&repository, kind);
            if tag == "v1.10.0" {
                commits.insert(name, git(&repository, &["rev-parse", "HEAD"]));
            }
        }
        git(&repository, &["tag", "v2"]);
    }
    let old = "0".repeat(40);
    let pins = folder.path().join("pins");
    fs::write(
        &pins,
        format!("# head\nacme/plain v1.9.0 {old}\nacme/annotated v1.9.0 {old}\n"),
    )
    .unwrap();
    let workflows = folder.path().join("workflows");
    fs::create_dir(&workflows).unwrap();
    let used = format!(
        "    - uses: acme/plain/sub@{old} # v1.9.0\n    - uses: acme/annotated@{old} # v1.9.0\n    - uses: acme/plainly@{old} # v1.9.0\n"
    );
    fs::write(workflows.join("a.yaml"), &used).unwrap();
    let refresh = |arguments: &[&str]| {
        Command::new(root().join("scripts/refresh-pins"))
            .args(arguments)
            .env("PLIMSOLL_PINS", &pins)
            .env("PLIMSOLL_WORKFLOWS", &workflows)
            .env(
                "PLIMSOLL_PINS_FROM",
                format!("file://{}", folder.path().join("from").display()),
            )
            .output()
            .unwrap()
    };
    let output = refresh(&[]);
    assert!(output.status.success(), "{output:?}");
    let (plain, annotated) = (&commits["plain"], &commits["annotated"]);
    assert_eq!(
        fs::read_to_string(&pins).unwrap(),
        format!("# head\nacme/plain v1.10.0 {plain}\nacme/annotated v1.10.0 {annotated}\n")
    );
    assert_eq!(
        fs::read_to_string(workflows.join("a.yaml")).unwrap(),
        format!(
            "    - uses: acme/plain/sub@{plain} # v1.10.0\n    - uses: acme/annotated@{annotated} # v1.10.0\n    - uses: acme/plainly@{old} # v1.9.0\n"
        )
    );
    assert!(refresh(&["--check"]).status.success());
    fs::write(workflows.join("a.yaml"), &used).unwrap();
    assert_eq!(refresh(&["--check"]).status.code(), Some(1));
}

#[test]
fn packaging_our_workflows_use_the_pins_and_grant_nothing_on_top() {
    let check = Command::new(root().join("scripts/refresh-pins"))
        .arg("--check")
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
    let workflows: Vec<PathBuf> = fs::read_dir(root().join(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(workflows.len() >= 6);
    for path in workflows {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\npermissions: {}\n"), "{}", path.display());
        for line in text
            .lines()
            .filter(|line| line.contains("uses: ") && !line.contains("uses: ./"))
        {
            let (_, commit) = line.split_once('@').unwrap();
            let hash = commit.split(" # v").next().unwrap();
            assert!(hash.len() == 40 && commit.contains(" # v"), "{line}");
        }
    }
}

#[test]
fn packaging_holds_what_a_build_reads() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--quiet"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    let listed: Vec<&str> = listed.lines().collect();
    for file in [
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "templates/init/pins",
        "policies/cooldown.yaml",
    ] {
        assert!(listed.contains(&file), "{file}");
    }
    let foreign = listed.iter().find(|file| {
        file.starts_with("tests/")
            || file.starts_with("fixtures/")
            || file.starts_with('.') && **file != ".cargo_vcs_info.json"
    });
    assert_eq!(foreign, None);
    let size: u64 = listed
        .iter()
        .filter_map(|file| fs::metadata(root().join(file)).ok())
        .map(|file| file.len())
        .sum();
    assert!(size < 8 * 1024 * 1024, "{size} bytes");
}
