//! The lines of `check` about plug-ins.

use super::{Line, line};
use crate::config::{Config, PluginKind};
use crate::world::plugins::{PATH, place};
use camino::Utf8Path;
use std::path::Path;

/// For `check`, a line for each program: whether it is there. It isn't started, since nobody knows what it does when it is asked.
pub fn lines(config: &Config, folder: &Utf8Path) -> Vec<Line> {
    let path = std::env::var("PATH").unwrap_or_else(|_| PATH.to_string());
    config
        .plugins
        .iter()
        .map(|(name, plugin)| {
            let program = plugin.exec.first().map_or("", String::as_str);
            let place = place(program, folder);
            let there = if program.contains('/') {
                place.is_file()
            } else {
                std::env::split_paths(&path).any(|folder| folder.join(Path::new(&place)).is_file())
            };
            let used = config.collectors.contains(name)
                || config.evaluators.contains(name)
                || config.realizer.as_ref() == Some(name);
            let use_of = match (used, plugin.kind) {
                (true, _) => "",
                (false, PluginKind::Evaluator) => ", asked only for jobs whose annotation names it",
                (false, _) => ", named nowhere and never asked",
            };
            let result = if there {
                Ok(format!(
                    "{} {} is there, not tried{use_of}",
                    plugin.kind,
                    place.display()
                ))
            } else {
                Err(format!(
                    "{} {} is not there: mend plugins.{name}.exec, or install it",
                    plugin.kind,
                    place.display()
                ))
            };
            line(format!("plug-in {name}"), result)
        })
        .collect()
}
