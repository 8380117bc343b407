//! What README and pages show is true: every block is read or run as it stands, every command parses, every link leads somewhere.
//!
//! ```` ```sh ```` blocks and indented commands run. A word behind `sh` says why one can't run here: `serve` is started beside the others,
//! `cluster` wants Docker or Kubernetes, `elsewhere` a machine or an account of the reader's; those are read by the shell without running.
#![allow(clippy::unwrap_used)]

use clap::Parser;
use clap::error::ErrorKind;
use plimsoll::cli::Cli;
use plimsoll::config::{parse, parse_policies};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages with their texts, by path.
fn pages() -> Vec<(String, String)> {
    let docs = ["docs", "docs/plugins"].into_iter().flat_map(|folder| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        entries
            .map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()))
    });
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_string);
    let mut pages: Vec<String> = docs
        .chain(top)
        .filter(|path| path.ends_with(".md"))
        .collect();
    pages.sort();
    pages
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            (path, text)
        })
        .collect()
}

/// The fenced blocks of a page: what stands behind the fence, and the text.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                open = true;
                found.push((kind.trim().to_string(), String::new()));
            }
            None if open => {
                let (_, block) = found.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    found
}

/// Commands that stand by themselves, behind four blanks.
fn indented(text: &str) -> Vec<String> {
    let mut open = false;
    text.lines()
        .filter(|line| {
            open ^= line.starts_with("```");
            !open
        })
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| {
            ["plimsoll ", "cargo "]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .map(str::to_string)
        .collect()
}

#[test]
fn documents_every_yaml_block_is_what_its_reader_reads() {
    let mut read = 0;
    for (page, text) in pages() {
        for (_, block) in blocks(&text).iter().filter(|(kind, _)| kind == "yaml") {
            // Manifests, workflows, and the values of a chart.
            let is_other = block.contains("apiVersion:")
                || block.contains("\njobs:\n")
                || block.starts_with("flink:\n");
            let as_config = parse("block", block)
                .map(|_| ())
                .map_err(|error| error.to_string());
            let as_policy = parse_policies([("block", block.as_str())]).map(|_| ());
            assert!(
                is_other || as_config.is_ok() || as_policy.is_ok(),
                "{page}: {as_config:?} {as_policy:?}\n{block}"
            );
            if block.contains("\njobs:\n") {
                let workflow: yaml_serde::Value = yaml_serde::from_str(block).unwrap();
                assert!(
                    workflow["permissions"].as_mapping().unwrap().is_empty(),
                    "{page}"
                );
            }
            read += 1;
        }
        for (kind, block) in blocks(&text) {
            let known = [
                "",
                "yaml",
                "sh",
                "sh serve",
                "sh cluster",
                "sh elsewhere",
                "text",
                "json",
                "rust",
                "python",
            ];
            assert!(
                known.contains(&kind.as_str()),
                "{page}: a block of kind `{kind}`"
            );
            let hidden = block
                .lines()
                .find(|line| line.starts_with("plimsoll ") || line.starts_with("$ plimsoll "));
            assert!(
                kind.starts_with("sh") || hidden.is_none(),
                "{page}: a command that nothing runs: {hidden:?}"
            );
        }
    }
    assert!(read > 10);
}

#[test]
fn documents_every_command_in_a_sentence_parses() {
    let mut read = 0;
    for (page, text) in pages() {
        let mut open = false;
        let outside = text.lines().filter(|line| {
            open ^= line.starts_with("```");
            !open && !line.starts_with("```")
        });
        let sentences: String = outside.map(|line| format!("{line}\n")).collect();
        let spans = sentences.split('`').skip(1).step_by(2);
        for span in spans.filter(|span| span.starts_with("plimsoll ") && !span.contains('\n')) {
            let command = span.split(['|', ';', '>', '<']).next().unwrap();
            let words = command.split_whitespace();
            let words = words.map(|word| match word {
                "TIME" => "2026-03-02T08:00:00Z",
                "[/FOLDER]" => "",
                word => word,
            });
            match Cli::try_parse_from(words) {
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
                    ) => {}
                // A command by its name alone, where it would need more.
                Err(error)
                    if error.kind() == ErrorKind::MissingRequiredArgument
                        || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {}
                Err(error) => panic!("{page}: `{span}`: {error}"),
            }
            read += 1;
        }
    }
    assert!(read > 30, "{read}");
}

#[test]
fn documents_every_link_leads_to_a_file() {
    for (page, text) in pages() {
        let folder = Path::new(&page).parent().unwrap().to_path_buf();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                let path = root().join(&folder).join(target);
                assert!(path.exists(), "{page}: {link}");
            }
        }
    }
}

/// A folder with the binary on its PATH, and a simulated Flink.
struct Desk {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let program = |name: &str, text: &str| {
            fs::write(bin.join(name), text).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        let plimsoll = env!("CARGO_BIN_EXE_plimsoll");
        // `check` finds no cluster here and says so with exit code 3.
        program(
            "plimsoll",
            &format!(
                "#!/bin/sh\n{plimsoll} \"$@\"\ncode=$?\n[ \"$1\" = check ] && [ $code = 3 ] && exit 0\nexit $code\n"
            ),
        );
        program("kubectl", "#!/bin/sh\ngrep 'kind: .*Role' >/dev/null\n");
        let mut server = Command::new(plimsoll)
            .args(["simulate", "serve", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("http://"))
            .unwrap();
        let port = address
            .split("127.0.0.1:")
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        // It prints more than a pipe holds when nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Desk {
            folder,
            port,
            server,
        }
    }

    /// Runs a script with the simulated Flink where the page has one at its port, and gives back what it printed.
    fn run(&self, page: &str, place: &Path, script: &str) -> String {
        let flink = format!("http://127.0.0.1:{}", self.port);
        let script = script
            .replace(
                "try http://localhost:8081",
                &format!("try {flink}/payments/orders-enrich"),
            )
            .replace("http://localhost:8081", &flink)
            .replace("cargo run -- ", "plimsoll ");
        let path = format!(
            "{}:{}",
            self.folder.path().join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", &script])
            .current_dir(place)
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("KUBECONFIG", self.folder.path().join("none"))
            .env_remove("GITHUB_TOKEN")
            .output()
            .unwrap();
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{page}: {script}\n{told}");
        told
    }

    /// A new folder in a git repository of its own.
    fn place(&self, name: &str) -> PathBuf {
        let place = self.folder.path().join(name.replace(['/', '.'], "-"));
        fs::create_dir(&place).unwrap();
        git2::Repository::init(&place).unwrap();
        place
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // It is ours, and nothing is left to do when it is gone already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn documents_every_command_runs_as_it_is_written() {
    let desk = Desk::new();
    let mut ran = 0;
    for (page, text) in pages() {
        let blocks = blocks(&text);
        let config = blocks
            .iter()
            .find(|(kind, block)| kind == "yaml" && parse("block", block).is_ok());
        let place = desk.place(&page);
        for (kind, block) in &blocks {
            match kind.as_str() {
                "sh" => {
                    desk.run(&page, &place, block);
                    ran += 1;
                }
                "sh serve" => {
                    let words = block.split_whitespace();
                    assert!(Cli::try_parse_from(words).is_ok(), "{block}");
                }
                "sh cluster" | "sh elsewhere" => {
                    let read = Command::new("bash")
                        .args(["-n", "-c", block])
                        .status()
                        .unwrap();
                    assert!(read.success(), "{page}: {block}");
                    for script in block
                        .split_whitespace()
                        .filter(|word| word.starts_with("scripts/"))
                    {
                        assert!(root().join(script).exists(), "{page}: {script}");
                    }
                }
                _ => {}
            }
        }
        for (number, command) in indented(&text).into_iter().enumerate() {
            if let Some(example) = command.strip_prefix("cargo run --release --example ") {
                let name = example.split_whitespace().next().unwrap();
                assert!(
                    root().join(format!("examples/{name}.rs")).exists(),
                    "{page}: {command}"
                );
                continue;
            }
            // The first is what CI takes from the page, the second what CI packs and builds.
            if ["cargo test --locked", "cargo install --path ."].contains(&command.as_str()) {
                continue;
            }
            let place = desk.place(&format!("{page}-{number}"));
            if let Some((_, config)) = config.filter(|_| !command.starts_with("plimsoll init")) {
                fs::write(place.join("plimsoll.yaml"), config).unwrap();
            }
            let told = desk.run(&page, &place, &command);
            ran += 1;
            // What a page shows of it has the verdicts that it really gives.
            if command.starts_with("plimsoll try") {
                let shown = blocks.iter().find(|(kind, _)| kind == "text").unwrap();
                let verdicts = shown
                    .1
                    .split_whitespace()
                    .filter(|word| word.starts_with("overprovisioned-"));
                for verdict in verdicts {
                    assert!(told.contains(verdict), "{verdict}\n{told}");
                }
            }
        }
    }
    assert!(ran >= 10, "{ran}");
}

#[test]
fn documents_the_page_on_the_local_cluster_says_what_the_script_runs() {
    let folder = tempfile::tempdir().unwrap();
    for way in ["kind", "k3d"] {
        let local = |command: &str| {
            let output = Command::new(root().join("scripts/local-cluster"))
                .arg(command)
                .env("DRY_RUN", "1")
                .env("LOCAL_WAY", way)
                .env("PLIMSOLL_LOCAL", folder.path().join(way))
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let up = local("up");
        assert!(
            up.contains(&format!("+ {way} ")) && up.contains("flink-kubernetes-operator"),
            "{up}"
        );
        // The five commands: those of ours parse, and their configuration is one.
        let ours: Vec<&str> = up
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("plimsoll "))
            .collect();
        assert_eq!(ours.len(), 4, "{up}");
        for command in ours {
            assert!(
                Cli::try_parse_from(command.split_whitespace()).is_ok(),
                "{command}"
            );
        }
        let config = fs::read_to_string(folder.path().join(way).join("plimsoll.yaml")).unwrap();
        parse("plimsoll.yaml", &config).unwrap();
        let log = Command::new("git")
            .arg("-C")
            .arg(folder.path().join(way).join("manifests.git"))
            .args(["show", "--stat", "main"])
            .output()
            .unwrap();
        let log = String::from_utf8(log.stdout).unwrap();
        assert!(
            log.contains("apps/orders.yaml") && log.contains("apps/audit.yaml"),
            "{log}"
        );
        assert!(local("down").contains(&format!("+ {way} ")));
    }
}
