//! Files below a folder: written so that a kill at any point leaves the old or the new one, never a half, and so that no symbolic link below
//! the folder is ever followed. Whoever may commit to a repository may commit links; they change nothing here.

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use rustix::fs::{self as sys, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How the name of a temporary file ends: in nothing that a controller would apply.
const TEMPORARY: &str = ".plimsoll-tmp";

/// The largest file that is read, bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Counts the steps that change something outside. For tests it can die after so many, as a killed process would.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    steps_left: Option<Arc<AtomicI64>>,
}

impl Disk {
    /// A disk that does `steps` steps and fails each one after: a write is two of them (the temporary file, the renaming), every
    /// other one is one.
    pub fn dying_after(steps: u32) -> Disk {
        Disk {
            steps_left: Some(Arc::new(AtomicI64::new(i64::from(steps)))),
        }
    }

    /// Whether it has died: true once a step was refused.
    pub fn is_dead(&self) -> bool {
        self.steps_left
            .as_ref()
            .is_some_and(|left| left.load(Ordering::SeqCst) < 0)
    }

    /// One step that changes something outside.
    ///
    /// # Errors
    /// When the disk was made to die by now.
    pub fn step(&self) -> io::Result<()> {
        match &self.steps_left {
            Some(left) if left.fetch_sub(1, Ordering::SeqCst) <= 0 => {
                Err(io::Error::other("killed for a test"))
            }
            _ => Ok(()),
        }
    }
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    Link,
    /// A FIFO, a socket, a device.
    Other,
}

/// A folder below which files are read and written. The way to the folder itself may lead through links, since a person named it; below it
/// none is followed.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
    /// Names from the root to the folder.
    below: Vec<String>,
    disk: Disk,
}

impl Folder {
    /// A folder that a person named, as it is.
    pub(super) fn new(root: &Path, disk: Disk) -> Folder {
        let here = Path::new(".");
        let root = if root.as_os_str().is_empty() {
            here
        } else {
            root
        };
        Folder {
            root: root.to_path_buf(),
            below: Vec::new(),
            disk,
        }
    }

    /// A folder of Plimsoll's own, which may lie in a repository: its own name must be no link either, and where its path is relative none of
    /// the names in it.
    pub(super) fn own(path: &Path, disk: Disk) -> Folder {
        let names: Option<Vec<String>> = path
            .components()
            .map(|component| match component {
                Component::Normal(name) => name.to_str().map(str::to_string),
                _ => None,
            })
            .collect();
        match (
            names,
            path.parent(),
            path.file_name().and_then(|n| n.to_str()),
        ) {
            (Some(below), _, _) => Folder {
                below,
                ..Folder::new(Path::new("."), disk)
            },
            (None, Some(parent), Some(name)) => Folder {
                below: vec![name.to_string()],
                ..Folder::new(parent, disk)
            },
            _ => Folder::new(path, disk),
        }
    }

    /// A folder in this one.
    pub(super) fn at(&self, path: &str) -> Folder {
        let mut folder = self.clone();
        folder.below.extend(path.split('/').map(str::to_string));
        folder
    }

    /// Its path, for people.
    pub(super) fn path(&self) -> PathBuf {
        let mut path = self.root.clone();
        if path == Path::new(".") && !self.below.is_empty() {
            path = PathBuf::new();
        }
        path.extend(&self.below);
        path
    }

    /// The path of a file in it, for people.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// A file's bytes; nothing where there is none.
    pub(super) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let (folders, name) = split(path)?;
        let Some(folder) = self.open(&folders, false)? else {
            return Ok(None);
        };
        // A FIFO without a writer would wait for one.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match sys::openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(link(path)),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other(format!("`{path}` is no plain file")));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::other(format!(
                "`{path}` has more than the {LARGEST} bytes that are read"
            )));
        }
        Ok(Some(bytes))
    }

    /// Whether something stands there, whatever it is.
    pub(super) fn has(&self, path: &str) -> io::Result<bool> {
        let (folders, name) = split(path)?;
        Ok(match self.open(&folders, false)? {
            Some(folder) => kind_of(&folder, name)?.is_some(),
            None => false,
        })
    }

    /// The size of a plain file, bytes.
    pub(super) fn size(&self, path: &str) -> io::Result<u64> {
        let (folders, name) = split(path)?;
        let Some(folder) = self.open(&folders, false)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let stat = sys::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// Where a symbolic link leads, as it is written; nothing where no link stands. The link is not followed.
    pub(super) fn target(&self, path: &str) -> io::Result<Option<String>> {
        let (folders, name) = split(path)?;
        let Some(folder) = self.open(&folders, false)? else {
            return Ok(None);
        };
        match sys::readlinkat(&folder, name, Vec::new()) {
            Ok(target) => Ok(target.into_string().ok()),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What a folder in it (`""`: itself) holds; nothing where it is not there. Temporary files are left out.
    pub(super) fn entries(&self, path: &str) -> io::Result<Option<Vec<(OsString, EntryKind)>>> {
        let folders: Vec<&str> = if path.is_empty() {
            Vec::new()
        } else {
            path.split('/').collect()
        };
        let Some(folder) = self.open(&folders, false)? else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || name.ends_with(TEMPORARY.as_bytes()) {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::RegularFile => EntryKind::File,
                FileType::Directory => EntryKind::Folder,
                FileType::Symlink => EntryKind::Link,
                FileType::Unknown => match kind_of(&folder, entry.file_name())? {
                    Some(kind) => kind,
                    None => continue,
                },
                _ => EntryKind::Other,
            };
            entries.push((OsString::from_vec(name.to_vec()), kind));
        }
        entries.sort_by(|one: &(OsString, EntryKind), two| one.0.cmp(&two.0));
        Ok(Some(entries))
    }

    /// Whether a file may be written, before anything is: no link is on the way, and nothing but a plain file stands in its place.
    ///
    /// # Errors
    /// What stands in the way.
    pub(super) fn may_write(&self, path: &str) -> io::Result<()> {
        let (folders, name) = split(path)?;
        match self.open(&folders, false)? {
            Some(folder) => replaceable(&folder, name, path),
            None => Ok(()),
        }
    }

    /// Replaces a file or makes a new one, with the folders above it: first a temporary file beside it, which nobody can have laid there
    /// before, then a rename. An existing file keeps its permissions; what is no plain file is not replaced.
    ///
    /// # Errors
    /// Those of the file system; a link on the way, or in the place of the file.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (folders, name) = split(path)?;
        let Some(folder) = self.open(&folders, true)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        replaceable(&folder, name, path)?;
        clear(&folder, name)?;
        self.disk.step()?;
        let random = OsRng.try_next_u64().map_err(io::Error::other)?;
        let temporary = format!(".{name}.{random:016x}{TEMPORARY}");
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let mut file = File::from(sys::openat(&folder, &temporary, flags, mode)?);
        let written = self.fill(&folder, name, &temporary, &mut file, bytes);
        if written.is_err() && !self.disk.is_dead() {
            let _ = sys::unlinkat(&folder, &temporary, AtFlags::empty());
        }
        written
    }

    fn fill(
        &self,
        folder: &OwnedFd,
        name: &str,
        temporary: &str,
        file: &mut File,
        bytes: &[u8],
    ) -> io::Result<()> {
        file.write_all(bytes)?;
        if let Ok(stat) = sys::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            sys::fchmod(&*file, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
        }
        file.sync_all()?;
        self.disk.step()?;
        sys::renameat(folder, temporary, folder, name)?;
        // Makes the renaming last; a file system that can't sync folders keeps its own promises.
        let _ = sys::fsync(folder);
        Ok(())
    }

    /// Removes a file; one that is gone already is no error. A link is removed itself, not what it points to.
    ///
    /// # Errors
    /// Those of the file system; a link on the way.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        let (folders, name) = split(path)?;
        self.disk.step()?;
        let Some(folder) = self.open(&folders, false)? else {
            return Ok(());
        };
        match sys::unlinkat(&folder, name, AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Makes the folder, if need be, and holds it for one process at a time, until the handle is dropped or the process ends. Leaves nothing
    /// behind.
    ///
    /// # Errors
    /// When the folder can't be made, opened or locked.
    pub(super) fn hold(&self) -> io::Result<File> {
        let Some(folder) = self.open(&[], true)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let handle = File::from(folder);
        handle.lock()?;
        Ok(handle)
    }

    /// Opens a folder below, one name after the other.
    fn open(&self, folders: &[&str], make: bool) -> io::Result<Option<OwnedFd>> {
        if make {
            fs::create_dir_all(&self.root)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut here = match sys::open(&self.root, flags, Mode::empty()) {
            Ok(root) => root,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let below = self.below.iter().map(String::as_str);
        for name in below.chain(folders.iter().copied()) {
            check(name)?;
            let flags = flags | OFlags::NOFOLLOW;
            let mut opened = sys::openat(&here, name, flags, Mode::empty());
            if opened.as_ref().err() == Some(&Errno::NOENT) {
                if !make {
                    return Ok(None);
                }
                match sys::mkdirat(&here, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                opened = sys::openat(&here, name, flags, Mode::empty());
            }
            here = match opened {
                Ok(opened) => opened,
                Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => {
                    return Err(match kind_of(&here, name)? {
                        Some(EntryKind::Link) => link(name),
                        _ => io::Error::other(format!("`{name}` is no folder")),
                    });
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Some(here))
    }
}

/// The folders of a relative path, and its last name.
fn split(path: &str) -> io::Result<(Vec<&str>, &str)> {
    let mut names: Vec<&str> = path.split('/').collect();
    for name in &names {
        check(name)?;
    }
    let last = names.pop().unwrap_or_default();
    Ok((names, last))
}

/// Only plain names lead below a folder.
fn check(name: &str) -> io::Result<()> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(io::Error::other(format!(
            "`{}` is no name of a file",
            name.escape_debug()
        )));
    }
    Ok(())
}

/// Only a plain file is replaced.
fn replaceable(folder: &OwnedFd, name: &str, path: &str) -> io::Result<()> {
    match kind_of(folder, name)? {
        None | Some(EntryKind::File) => Ok(()),
        Some(EntryKind::Link) => Err(link(path)),
        Some(_) => Err(io::Error::other(format!("`{path}` is no plain file"))),
    }
}

fn link(path: &str) -> io::Error {
    io::Error::other(format!(
        "`{path}` is a symbolic link; nothing is read or written through it"
    ))
}

fn kind_of(folder: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Option<EntryKind>> {
    match sys::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Folder,
            FileType::Symlink => EntryKind::Link,
            _ => EntryKind::Other,
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes the temporary files that killed runs left beside a file. Only the holder of the folder writes.
fn clear(folder: &OwnedFd, name: &str) -> io::Result<()> {
    let prefix = format!(".{name}.");
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let left = entry
            .file_name()
            .to_str()
            .ok()
            .and_then(|entry| entry.strip_prefix(&prefix)?.strip_suffix(TEMPORARY))
            .is_some_and(|digits| {
                digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit())
            });
        if left {
            let _ = sys::unlinkat(folder, entry.file_name(), AtFlags::empty());
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_below_a_folder_is_read_or_written_through_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), b"theirs").unwrap();
        let folder = Folder::new(inside.path(), Disk::default());
        folder.write("plain/x", b"ours").unwrap();
        symlink(outside.path(), inside.path().join("folder")).unwrap();
        symlink(outside.path().join("secret"), inside.path().join("file")).unwrap();
        symlink(outside.path().join("new"), inside.path().join("dangling")).unwrap();
        for path in ["folder/secret", "folder/new", "file", "dangling"] {
            assert!(folder.read(path).is_err(), "{path}");
            assert!(folder.write(path, b"ours").is_err(), "{path}");
        }
        assert!(folder.entries("folder").is_err());
        assert!(folder.at("folder").hold().is_err());
        assert!(folder.remove("folder/secret").is_err());
        for path in ["../x", "/etc/x", "a//b", "", "a/./b", "a/../../x"] {
            assert!(folder.write(path, b"ours").is_err(), "{path:?}");
        }
        folder.remove("file").unwrap();
        let left: Vec<_> = fs::read_dir(outside.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"theirs");
        assert_eq!(folder.read("plain/x").unwrap().unwrap(), b"ours");
    }

    #[test]
    fn what_a_killed_run_left_beside_a_file_goes_with_the_next_write() {
        let place = tempfile::tempdir().unwrap();
        let dying = Folder::new(place.path(), Disk::dying_after(1));
        assert!(dying.write("a/x", b"new").is_err());
        assert_eq!(fs::read_dir(place.path().join("a")).unwrap().count(), 1);
        let folder = Folder::new(place.path(), Disk::default());
        assert_eq!(folder.entries("a").unwrap().unwrap(), []);
        folder.write("a/x", b"new").unwrap();
        assert_eq!(fs::read_dir(place.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_fifo_is_no_file_and_nobody_waits_for_it() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path(), Disk::default());
        let mode = Mode::from_raw_mode(0o666);
        sys::mknodat(
            sys::CWD,
            place.path().join("x.yaml"),
            FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        assert!(folder.read("x.yaml").is_err());
        assert!(folder.write("x.yaml", b"x").is_err());
        assert_eq!(folder.entries("").unwrap().unwrap()[0].1, EntryKind::Other);
    }
}
