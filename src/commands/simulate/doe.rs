//! `simulate doe`: does the procedure pay? Simulated jobs, and one experiment's evidence page.

use crate::commands::ending::{Ended, Failure};
use crate::commands::output::{note, say};
use crate::experiment::evidence::evidence;
use crate::experiment::simulation::{Method, Scenario, SimulationRow, campaign, simulate};
use crate::render::experiment::{About, html, markdown};
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Seed of the simulated jobs.
    pub seed: u64,
    /// Jobs a scenario.
    pub jobs: usize,
    /// Names of scenarios; none means all.
    pub scenarios: Vec<String>,
    /// Only methods whose name holds this.
    pub method: Option<String>,
    /// Where to write the evidence page of the first job of the first scenario: `.html` or `.md`.
    pub page: Option<Utf8PathBuf>,
}

/// Carries the command out.
pub fn run(asked: &Asked) -> Result<Ended, Failure> {
    let scenarios = chosen_scenarios(&asked.scenarios)?;
    let methods = chosen_methods(asked.method.as_deref())?;
    if asked.jobs == 0 && asked.page.is_none() {
        return Err(Failure::Usage(
            "--jobs 0 leaves nothing to simulate; ask for at least one, or for --page".to_string(),
        ));
    }
    if let (Some(page), Some(scenario)) = (&asked.page, scenarios.first()) {
        write_page(page, *scenario, asked.seed)?;
        note(&format!("{page}: evidence of one simulated experiment"));
    }
    if asked.jobs > 0 {
        let mut rows = Vec::new();
        for scenario in &scenarios {
            for method in &methods {
                // The full grid tries hundreds of sizes a job: once is enough.
                if *scenario == Scenario::Base || !matches!(method, Method::FullGrid { .. }) {
                    let row = simulate(*scenario, *method, asked.jobs, asked.seed);
                    rows.push(row.context("simulation")?);
                }
            }
        }
        say(&table(&rows, asked))?;
    }
    Ok(Ended::Done)
}

fn chosen_scenarios(names: &[String]) -> Result<Vec<Scenario>, Failure> {
    if names.is_empty() {
        return Ok(Scenario::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let plain = name.replace(['-', '_'], " ").to_lowercase();
            let known = Scenario::ALL.into_iter().find(|s| s.name() == plain);
            known.ok_or_else(|| {
                let all = Scenario::ALL.map(Scenario::name).join(", ");
                Failure::Usage(format!("there is no scenario `{name}`: {all}"))
            })
        })
        .collect()
}

fn chosen_methods(part: Option<&str>) -> Result<Vec<Method>, Failure> {
    let part = part.unwrap_or_default().to_lowercase();
    let chosen: Vec<Method> = Method::ALL
        .into_iter()
        .filter(|method| method.name().to_lowercase().contains(&part))
        .collect();
    if chosen.is_empty() {
        let all = Method::ALL.map(Method::name).join("; ");
        return Err(Failure::Usage(format!("no method holds `{part}`: {all}")));
    }
    Ok(chosen)
}

fn write_page(path: &Utf8Path, scenario: Scenario, seed: u64) -> Result<(), Failure> {
    let (problem, runs, rules) = campaign(scenario, seed, 0).context("simulated experiment")?;
    let evidence = evidence(&problem, &runs, &rules).context("evidence")?;
    let about = About {
        job: format!("simulated job 0 of the scenario `{}`", scenario.name()),
        is_simulated: true,
        version: env!("CARGO_PKG_VERSION").to_string(),
        command: format!(
            "plimsoll simulate doe --jobs 0 --seed {seed} --scenario '{}' --page {path}",
            scenario.name()
        ),
        demand_source: "It is a given of the simulation.".to_string(),
        yearly_cost: None,
    };
    let text = match path.extension() {
        Some("html" | "htm") => html(&evidence, &about),
        Some("md") => markdown(&evidence, &about),
        _ => {
            return Err(Failure::Usage(format!(
                "--page {path}: name a file that ends in .html or .md"
            )));
        }
    };
    std::fs::write(path, text.context("page")?).with_context(|| path.to_string())?;
    Ok(())
}

/// The table, with "simulated" over it.
fn table(rows: &[SimulationRow], asked: &Asked) -> String {
    let mut text = format!(
        "Simulated, not measured on clusters: {} jobs a scenario, seed {}.\n\n",
        asked.jobs, asked.seed
    );
    text.push_str(&crate::experiment::simulation::table(rows));
    text
}
