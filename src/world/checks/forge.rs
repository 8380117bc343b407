//! The line of `check` about the forge.

use super::{Line, line};
use crate::ports::Forge;
use crate::quantity::count;
use crate::world::{AnyForge, Destination};

/// Whether pull requests can be read and written.
pub async fn forge(destination: &Destination<'_>) -> Line {
    if destination.name().is_none() {
        return line("forge", Ok(destination.none()));
    }
    let result = match destination.open_forge() {
        Ok(AnyForge::Github(forge)) => forge
            .check()
            .await
            .map(|found| format!("github, {found}"))
            .map_err(|error| error.to_string()),
        Ok(forge) => forge
            .pull_requests()
            .await
            .map(|list| format!("{}, {}", forge.name(), count(list.len(), "pull request")))
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    line("forge", result)
}
