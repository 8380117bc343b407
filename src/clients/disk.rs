//! Writing files so that a kill at any point leaves the old or the new one, never a half.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Writes files atomically. For tests it can die after so many steps, as a killed process would.
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

    /// Replaces a file or makes a new one, with the folders above it: first a temporary file beside it, then a rename.
    /// The name of the temporary file ends in nothing that a controller would apply. An existing file keeps its permissions.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(io::Error::other("no file name"));
        };
        fs::create_dir_all(folder)?;
        let temporary = folder.join(format!(".{}.plimsoll-tmp", name.to_string_lossy()));
        self.step()?;
        let mut handle = File::create(&temporary)?;
        handle.write_all(bytes)?;
        if let Ok(metadata) = fs::metadata(file) {
            handle.set_permissions(metadata.permissions())?;
        }
        handle.sync_all()?;
        drop(handle);
        self.step()?;
        fs::rename(&temporary, file)?;
        // Makes the renaming last; a file system that can't open folders keeps its own promises.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// Removes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&self, file: &Path) -> io::Result<()> {
        self.step()?;
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Holds a folder for one process at a time, until it is dropped or the process ends. Leaves nothing behind.
///
/// # Errors
/// When the folder can't be opened or locked.
pub(super) fn lock(folder: &Path) -> io::Result<File> {
    let handle = File::open(folder)?;
    handle.lock()?;
    Ok(handle)
}
