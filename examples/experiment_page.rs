//! Writes the evidence of one simulated experiment as `evidence.html` and `evidence.md` into a folder:
//! `cargo run --example experiment_page [folder] [seed] [number]`.

use plimsoll::experiment::evidence::evidence;
use plimsoll::experiment::simulation::{Scenario, campaign};
use plimsoll::render::experiment::{About, html, markdown};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let seed = arguments.next().map_or(Ok(1), |a| a.parse())?;
    let number = arguments.next().map_or(Ok(0), |a| a.parse())?;
    let (problem, runs, rules) = campaign(Scenario::Base, seed, number)?;
    let evidence = evidence(&problem, &runs, &rules)?;
    let about = About {
        job: format!("simulated job {number}"),
        is_simulated: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: format!("cargo run --example experiment_page {folder} {seed} {number}"),
        demand_source: "It is a given of the simulation.".to_owned(),
        yearly_cost: None,
    };
    std::fs::write(format!("{folder}/evidence.html"), html(&evidence, &about)?)?;
    std::fs::write(
        format!("{folder}/evidence.md"),
        markdown(&evidence, &about)?,
    )?;
    Ok(())
}
