//! The plug-ins that are configured: programs beside those that the build brings.

use super::WorldError;
use crate::clients::plugin::{ExecPlugin, Program};
use crate::config::{Config, PluginConfig, PluginKind};
use crate::ports::Plugins;
use camino::Utf8Path;
use std::path::PathBuf;
use std::sync::Arc;

/// PATH of a program where we have none.
pub(super) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The configured programs beside the plug-ins that the build brings (`own`). A name that is used and there is no plug-in of that
/// name and kind is an error, and so is one that both bring.
pub fn assemble(config: &Config, folder: &Utf8Path, own: &Plugins) -> Result<Plugins, WorldError> {
    let mut plugins = own.clone();
    for (name, configured) in &config.plugins {
        if own.has(name) {
            return Err(WorldError::Configuration(format!(
                "plugins.{name}: this build of Plimsoll brings a plug-in of that name; choose another one"
            )));
        }
        let plugin = Arc::new(ExecPlugin::new(program(name, configured, folder)));
        match configured.kind {
            PluginKind::Collector => drop(plugins.collectors.insert(name.clone(), plugin)),
            PluginKind::Evaluator => drop(plugins.evaluators.insert(name.clone(), plugin)),
            PluginKind::Realizer => drop(plugins.realizers.insert(name.clone(), plugin)),
        }
    }
    let missing = |key: &str, kind: PluginKind, name: &str| {
        Err(WorldError::Configuration(format!(
            "{key}: there is no {kind} `{name}`: add plugins.{name} with `kind: {kind}` and `exec`"
        )))
    };
    for name in &config.collectors {
        if !plugins.collectors.contains_key(name) {
            return missing("collectors", PluginKind::Collector, name);
        }
    }
    for name in &config.evaluators {
        if !plugins.evaluators.contains_key(name) {
            return missing("evaluators", PluginKind::Evaluator, name);
        }
    }
    if let Some(name) = &config.realizer
        && !plugins.realizers.contains_key(name)
    {
        return missing("realizer", PluginKind::Realizer, name);
    }
    Ok(plugins)
}

fn program(name: &str, plugin: &PluginConfig, folder: &Utf8Path) -> Program {
    let mut exec = plugin.exec.iter().cloned();
    let program = place(&exec.next().unwrap_or_default(), folder);
    let own = |name: &str| std::env::var(name).ok();
    let mut environment = vec![(
        "PATH".to_string(),
        own("PATH").unwrap_or_else(|| PATH.to_string()).into(),
    )];
    environment.extend(
        plugin
            .env
            .iter()
            .filter_map(|entry| match entry.split_once('=') {
                Some((name, value)) => Some((name.to_string(), value.into())),
                None => Some((entry.clone(), own(entry)?.into())),
            }),
    );
    Program {
        name: name.to_string(),
        program,
        arguments: exec.collect(),
        folder: here(folder).as_std_path().to_path_buf(),
        environment,
        timeout: plugin.timeout.to_std(),
        max_output: plugin.max_output.bytes(),
    }
}

fn here(folder: &Utf8Path) -> &Utf8Path {
    if folder.as_str().is_empty() {
        Utf8Path::new(".")
    } else {
        folder
    }
}

/// Where a program is. One with a `/` is relative to the configuration; since it runs in that folder, its path must not be. Links are
/// not followed: the Python of a virtual environment knows by its link where it belongs.
pub(super) fn place(program: &str, folder: &Utf8Path) -> PathBuf {
    if !program.contains('/') {
        return program.into();
    }
    let joined = here(folder).join(program).into_std_path_buf();
    std::path::absolute(&joined).unwrap_or(joined)
}
