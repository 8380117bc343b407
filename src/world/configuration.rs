//! The configuration and the policies, read from their files.

use super::WorldError;
use crate::config::{self, Config};
use crate::policy::Rule;
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeSet;
use std::fs;

/// What was read.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The configuration; the default one where there is no file.
    pub config: Config,
    /// Its file, if there is one.
    pub file: Option<Utf8PathBuf>,
    /// The paths of the values that the file writes.
    pub written: BTreeSet<String>,
    /// The folder that paths in it are relative to.
    pub folder: Utf8PathBuf,
    /// The rules in force.
    pub rules: Vec<Rule>,
}

impl Opened {
    /// Reads the named file, else the one that stands here, and the policies that it names.
    ///
    /// # Errors
    /// When a file can't be read or understood, or two configurations stand here.
    pub fn read(named: Option<&Utf8Path>) -> Result<Opened, WorldError> {
        let file = file(named)?;
        let (config, written) = match &file {
            Some(file) => read_config(file)?,
            None => (Config::default(), BTreeSet::new()),
        };
        let folder = file.as_ref().and_then(|file| file.parent());
        let folder = folder.map_or_else(Utf8PathBuf::new, Utf8Path::to_path_buf);
        let rules = read_policies(config.policies.as_deref(), &folder)?;
        Ok(Opened {
            config,
            file,
            written,
            folder,
            rules,
        })
    }
}

fn file(named: Option<&Utf8Path>) -> Result<Option<Utf8PathBuf>, WorldError> {
    if let Some(file) = named {
        return Ok(Some(file.to_path_buf()));
    }
    let found: Vec<&str> = config::NAMES
        .into_iter()
        .filter(|name| Utf8Path::new(name).is_file())
        .collect();
    match found[..] {
        [] => Ok(None),
        [name] => Ok(Some(Utf8PathBuf::from(name))),
        _ => Err(WorldError::Configuration(format!(
            "{} are both here: keep one of them, or name it with --config",
            found.join(" and ")
        ))),
    }
}

fn read_config(file: &Utf8Path) -> Result<(Config, BTreeSet<String>), WorldError> {
    let text = fs::read_to_string(file)
        .map_err(|error| WorldError::Configuration(format!("{file}: {error}")))?;
    let config = config::parse(file.as_str(), &text)
        .map_err(|error| WorldError::Configuration(error.to_string()))?;
    Ok((config, config::written(&text)))
}

fn read_policies(policies: Option<&str>, folder: &Utf8Path) -> Result<Vec<Rule>, WorldError> {
    let mut files: Vec<(String, String)> = Vec::new();
    if let Some(policies) = policies {
        let policies = folder.join(policies);
        let listed = policies
            .read_dir_utf8()
            .map_err(|error| WorldError::Configuration(format!("policies: {policies}: {error}")))?;
        for entry in listed {
            let path = entry.context("policies")?.into_path();
            if matches!(path.extension(), Some("yaml" | "yml")) {
                let text = fs::read_to_string(&path)
                    .map_err(|error| WorldError::Configuration(format!("{path}: {error}")))?;
                files.push((path.into_string(), text));
            }
        }
    }
    files.sort();
    let texts = files
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()));
    config::parse_policies(texts).map_err(|error| WorldError::Configuration(error.to_string()))
}
