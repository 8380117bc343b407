//! A change that is asked for, checked against the manifests as they are. The plan and the due reverts of a sealed file are requests: whoever
//! made the file may ask for anything, so the files of a change are always computed here, from the job's own manifest on the base. A request
//! names no branch, no path to write to and no bytes.

mod difference;
mod revert;
mod rightsize;
mod sizing;

pub use revert::{CheckedRevert, RevertRequest, restores, restoring};
pub use rightsize::rightsizing;

use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Located, Refusal, Tree};
use crate::owner::Owner;
use crate::record::FieldChange;
use crate::snapshot::JobKey;

/// How a job's manifest is found: the same way for planning and for writing.
pub type Locate<'a> = dyn Fn(&Catalog<'_>, &JobKey) -> Result<Located, Refusal> + 'a;

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It contradicts itself, or asks for what no plan holds. The file that it came from is not to be believed in any part.
    #[error("{0}")]
    Forged(String),
    /// It does not fit the manifests as they are: they went on since, or it is forged too where they did not.
    #[error("{0}")]
    Stale(String),
    /// The owner of the job does not want it by now.
    #[error("{0}")]
    Unwanted(String),
}

/// A change that was checked: the files that it writes, without its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedEdit {
    /// The job's own manifest (or the values file that stands for it) with exactly the named fields changed.
    pub files: Tree,
}

/// The owner's word, as it is in the manifest by now.
fn wanted(located: &Located) -> Result<(), Unfit> {
    match Owner::read(&located.value["metadata"]).bars() {
        Some(why) => Err(Unfit::Unwanted(format!("{}: {why}", located.file))),
        None => Ok(()),
    }
}

fn forged(reason: impl Into<String>) -> Unfit {
    Unfit::Forged(reason.into())
}

fn stale(refusal: impl ToString) -> Unfit {
    Unfit::Stale(refusal.to_string())
}

/// The paths of fields, each once.
fn paths(fields: &[FieldChange]) -> Result<Vec<FieldPath>, Unfit> {
    let mut paths = Vec::with_capacity(fields.len());
    for field in fields {
        let path: FieldPath = field
            .path
            .parse()
            .map_err(|error| forged(format!("it names the field `{}`: {error}", field.path)))?;
        if paths.contains(&path) {
            return Err(forged(format!("it names the field `{path}` twice")));
        }
        paths.push(path);
    }
    Ok(paths)
}
