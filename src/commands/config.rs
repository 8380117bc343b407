//! `config explain JOB`: each value that a job goes by, with its origin.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::Start;
use super::table::{cut, table};
use crate::cli::{self, Common, Output};
use crate::config::{Layers, settings_of};
use crate::owner::Owner;
use crate::pass::{Base, Manifests, Neighbours, locate};
use crate::render::escape::terminal;
use anyhow::Context;
use serde_json::{Value, json};

/// Carries the command out.
pub async fn run(common: &Common, command: &cli::Configuration) -> Result<Ended, Failure> {
    let cli::Configuration::Explain(args) = command;
    let start = Start::new(common)?;
    let listed = start
        .listed(std::slice::from_ref(&args.job), common)
        .await?;
    let repository = start.repository(&args.forge)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    let neighbours = Neighbours::of(&start.settings, Some(&listed.fleet));
    let (mut documents, mut pages, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for job in &listed.fleet.jobs {
        let resource = listed.fleet.resource(job);
        let catalog = &manifests.catalog;
        let located = locate(&start.settings, &neighbours, resource, catalog, job);
        let said = located.as_ref().ok().map(|located| {
            (
                located.file.as_str(),
                Owner::read(&located.value["metadata"]),
            )
        });
        let live = resource.map(|live| Owner::of_texts(&live.annotations, &live.labels));
        let settings = settings_of(Layers {
            config: &start.opened.config,
            file: start.opened.file.as_ref().map(|file| file.as_str()),
            written: &start.opened.written,
            entry: start.settings.jobs.get(job),
            manifest: said.as_ref().map(|(file, owner)| (*file, owner)),
            live: live.as_ref(),
        })
        .context("the values in force")?;
        if let Err(refusal) = &located {
            problems.push(format!("{}: no manifest: {refusal}", job.short()));
        }
        let rows: Vec<Vec<String>> = settings
            .iter()
            .map(|one| {
                vec![
                    terminal(&one.key),
                    terminal(&cut(&shown(&one.value), 60)),
                    terminal(&one.origin),
                ]
            })
            .collect();
        pages.push(format!(
            "{}\n{}",
            terminal(&job.to_string()),
            table(&["KEY", "VALUE", "FROM"], &rows)
        ));
        documents.push(json!({ "job": job.to_string(), "settings": settings }));
    }
    match common.output {
        Output::Json => say_json(&json!({ "jobs": documents }))?,
        _ => say(&pages.join("\n"))?,
    }
    for problem in &problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&problems))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
