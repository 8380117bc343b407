//! Manifests as people keep them: found, read, and edited byte for byte.
//!
//! A tree of files goes in as bytes, and comes out as bytes of which only the named scalars differ.
//! Whatever cannot be edited with certainty is refused by name ([`Code`]): each refusal says file, line,
//! field and the way out. Nothing here touches a disk.
//!
//! The way of an edit: the job's manifest is found by evidence ([`Catalog::find`]); the planner's own refusals
//! come first ([`check`]); then each field is resolved to one scalar in one file, its bytes are replaced in
//! its own style, and the result is parsed again and must differ in exactly the named values
//! ([`Catalog::change`]). [`Catalog::locate`] and [`Catalog::edit`] do the same for an object by its key alone.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

mod absent;
mod catalog;
mod check;
mod controllers;
mod create;
mod diff;
mod edit;
mod elsewhere;
mod find;
mod kustomization;
mod kustomize;
mod layers;
mod links;
mod mapped;
mod owners;
mod patch;
mod prove;
mod readable;
mod refusal;
mod release;
mod remove;
mod resolve;
mod scalar;
mod source;
mod splice;
mod template;
mod tree;
mod values;
mod walk;

pub use catalog::{Catalog, Discovery, Located};
pub use check::{check, check_fields};
pub use diff::unified;
pub use elsewhere::{is_of_use, may_be_of_use};
pub use find::{Sought, Tie};
pub use links::{link_to, target_of};
pub use mapped::ValuesLayer;
pub use refusal::{Code, Refusal, Warning, WarningCode};

pub use crate::flink::field_path::{FieldPath, FieldPathError, Segment};

/// Files by their path in the repository, with `/` between the parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// What names an object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The API group, e.g. `flink.apache.org`.
    pub group: String,
    /// The kind, e.g. `FlinkDeployment`.
    pub kind: String,
    /// The namespace; manifests may leave it to whoever applies them.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// One field and the value that it shall have. The text is written as given: no unit conversion.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The field of the object.
    pub path: FieldPath,
    /// A string, a number or a flag.
    pub value: Value,
}

/// How to edit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditOptions {
    /// Missing keys may be added, after the last sibling.
    pub create: bool,
    /// The file to edit, where more than one would do.
    pub file: Option<String>,
    /// Fields of the object that stand elsewhere: field → dotted path in a values file.
    pub map: BTreeMap<FieldPath, FieldPath>,
}

/// An edit that was made; without files there was nothing to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// The new bytes of each file that changes.
    pub files: Tree,
    /// What a reviewer should know.
    pub warnings: Vec<Warning>,
}

/// All objects in a tree, and what could not be read. One bad file never stops the others.
pub fn discover(tree: &Tree) -> Discovery {
    Catalog::read(tree).into_discovery()
}

/// Finds one object.
///
/// # Errors
/// `not-found`, `ambiguous-target`, or what keeps the file that seems to hold it from being read.
pub fn locate(tree: &Tree, key: &ObjectKey) -> Result<Located, Refusal> {
    Catalog::read(tree).locate(key, None)
}

/// Edits one object. For many edits of one tree, keep a [`Catalog`].
///
/// # Errors
/// Any refusal but those of [`check`].
pub fn edit(
    tree: &Tree,
    key: &ObjectKey,
    changes: &[Change],
    options: &EditOptions,
) -> Result<Edited, Refusal> {
    Catalog::read(tree).edit(key, changes, options)
}
