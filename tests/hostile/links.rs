//! Repositories with links, FIFOs and files of ours in the way of what the forge `dir` writes.

use crate::record::MONDAY_MS;
use crate::repository::{FILE, manifest, opened, proposal};
use plimsoll::clients::forges::DirForge;
use plimsoll::clients::repository::FolderRepository;
use plimsoll::ports::{Forge, Repository};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(FILE);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, manifest(12)).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn hostile_links_in_a_repository_lead_nothing_out_of_it() {
    let evidence = format!(
        ".plimsoll/evidence/{}.evidence",
        proposal(8, MONDAY_MS).change
    );
    // Each may be committed by whoever may commit: a link in the place of a folder or of a file that is read or written.
    for place in [
        ".plimsoll",
        ".plimsoll/evidence",
        ".plimsoll/ledger",
        ".plimsoll/pending",
        ".plimsoll/pull-requests",
        ".plimsoll/pull-requests/0001.md",
        &evidence,
        "apps",
    ] {
        let outside = TempDir::new().unwrap();
        fs::write(outside.path().join("theirs"), b"theirs").unwrap();
        let folder = folder();
        if place == "apps" {
            fs::rename(folder.path().join("apps"), outside.path().join("moved")).unwrap();
        }
        let link = folder.path().join(place);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let target = match place {
            "apps" => outside.path().join("moved"),
            place if place.ends_with(".md") || place.ends_with(".evidence") => {
                outside.path().join("theirs")
            }
            _ => outside.path().to_path_buf(),
        };
        symlink(target, &link).unwrap();
        let before = names(outside.path());
        let forge = DirForge::new(folder.path());
        let done = forge.propose(&proposal(8, MONDAY_MS), MONDAY_MS).await;
        let said = done.unwrap_err().to_string();
        assert!(
            said.contains("link") || said.contains("plain file"),
            "{place}: {said}"
        );
        let repository = FolderRepository::open(folder.path()).unwrap();
        let entry = BTreeMap::from([("x/y.json".to_string(), b"{}".to_vec())]);
        if [".plimsoll", ".plimsoll/ledger"].contains(&place) {
            assert!(repository.append_ledger(&entry, "m", MONDAY_MS).is_err());
        }
        assert_eq!(names(outside.path()), before, "{place}");
        assert_eq!(fs::read(outside.path().join("theirs")).unwrap(), b"theirs");
        if place != "apps" {
            assert_eq!(
                fs::read(folder.path().join(FILE)).unwrap(),
                manifest(12),
                "{place}"
            );
        }
    }
}

#[tokio::test]
async fn hostile_temporary_names_that_somebody_laid_are_not_opened() {
    let outside = TempDir::new().unwrap();
    let theirs = outside.path().join("theirs");
    fs::write(&theirs, b"theirs").unwrap();
    let folder = folder();
    let it = proposal(8, MONDAY_MS);
    // The names that an earlier version took, and one like those of today.
    for name in [
        "apps/.orders.yaml.plimsoll-tmp".to_string(),
        "apps/.orders.yaml.0123456789abcdef.plimsoll-tmp".to_string(),
        format!(".plimsoll/evidence/.{}.evidence.plimsoll-tmp", it.change),
        format!(".plimsoll/pending/.{}.journal.plimsoll-tmp", it.change),
        ".plimsoll/pull-requests/.0001.md.plimsoll-tmp".to_string(),
    ] {
        let link = folder.path().join(name);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&theirs, link).unwrap();
    }
    opened(
        DirForge::new(folder.path())
            .propose(&it, MONDAY_MS)
            .await
            .unwrap(),
    );
    assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(8));
    assert!(
        !fs::symlink_metadata(folder.path().join(FILE))
            .unwrap()
            .is_symlink()
    );
}

#[tokio::test]
async fn hostile_journals_write_only_what_a_change_may_write() {
    let it = proposal(8, MONDAY_MS);
    let real = {
        let folder = folder();
        let dying = plimsoll::clients::Disk::dying_after(2);
        let died = DirForge::on(folder.path(), dying)
            .propose(&it, MONDAY_MS)
            .await;
        died.unwrap_err();
        let file = folder
            .path()
            .join(format!(".plimsoll/pending/{}.journal", it.change));
        fs::read_to_string(file).unwrap()
    };
    let other = "b".repeat(64);
    for (name, text) in [
        (
            it.change.clone(),
            real.replace(FILE, ".github/workflows/pwn.yaml"),
        ),
        (it.change.clone(), real.replace(FILE, "../out.yaml")),
        (it.change.clone(), real.replace(FILE, "run.sh")),
        (
            it.change.clone(),
            real.replace(&it.change, "../../../../out"),
        ),
        (other.clone(), real.clone()),
        ("x".to_string(), real.clone()),
        (it.change.clone(), "{}".to_string()),
    ] {
        let folder = folder();
        let pending = folder.path().join(".plimsoll/pending");
        fs::create_dir_all(&pending).unwrap();
        fs::write(pending.join(format!("{name}.journal")), &text).unwrap();
        let said = DirForge::new(folder.path())
            .recover()
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("can't be completed") && said.contains(&name),
            "{said}"
        );
        assert_eq!(names(folder.path()), [".plimsoll", "apps"], "{text}");
        assert_eq!(names(&folder.path().join(".plimsoll")), ["pending"]);
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(12));
    }
}

#[test]
fn hostile_fifos_and_devices_are_named_and_not_read() {
    let folder = folder();
    let fifo = folder.path().join("apps/wait.yaml");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    symlink("/dev/zero", folder.path().join("apps/zero.yaml")).unwrap();
    let repository = FolderRepository::open(folder.path()).unwrap();
    assert_eq!(repository.tree().unwrap().len(), 1);
    let left_out = repository.left_out().unwrap();
    assert!(left_out["apps/wait.yaml"].contains("FIFO"), "{left_out:?}");
    assert!(left_out["apps/zero.yaml"].contains("link"), "{left_out:?}");
}
