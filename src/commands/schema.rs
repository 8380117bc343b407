//! `schema`: JSON Schemas of what Plimsoll reads and writes.

use super::ending::{Ended, Failure};
use super::output::say_json;
use crate::cli::{Schema, SchemaOf};
use crate::config::Config;
use crate::plan::Plan;
use crate::policy::Rule;
use crate::ports::PluginDocument;
use crate::record::Evidence;
use crate::snapshot::Snapshot;
use schemars::schema_for;

/// Carries the command out.
pub fn run(args: &Schema) -> Result<Ended, Failure> {
    let schema = match args.of {
        SchemaOf::Config => schema_for!(Config),
        SchemaOf::Policy => schema_for!(Rule),
        SchemaOf::Snapshot => schema_for!(Snapshot),
        SchemaOf::Plan => schema_for!(Plan),
        SchemaOf::Evidence => schema_for!(Evidence),
        SchemaOf::Plugin => schema_for!(PluginDocument),
    };
    say_json(&schema)?;
    Ok(Ended::Done)
}
