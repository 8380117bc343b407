//! Prints the simulated comparison of methods: `cargo run --release --example simulate_doe [jobs] [seed]`.
#![allow(clippy::print_stdout)]

use plimsoll::experiment::simulation::simulate_all;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let jobs = arguments.next().map_or(Ok(300), |a| a.parse())?;
    let seed = arguments.next().map_or(Ok(1), |a| a.parse())?;
    let begin = std::time::Instant::now();
    let rows = simulate_all(jobs, seed)?;
    println!("Simulated: {jobs} jobs a scenario, seed {seed}.\n");
    println!(
        "| scenario | method | runs, mean (90th) | saving (best possible) | cost / optimum | below D* | below D | unsafe runs | OOM runs |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for r in &rows {
        println!(
            "| {} | {} | {:.1} ({}) | {:.1} % ({:.1} %) | {:.2} | {:.1} % | {:.1} % | {:.2} | {:.2} |",
            r.scenario.name(),
            r.method.name(),
            r.runs,
            r.runs_90th,
            100.0 * r.saving,
            100.0 * r.best_saving,
            r.cost_over_optimum,
            100.0 * r.below_required,
            100.0 * r.below_demand,
            r.unsafe_runs,
            r.oom_runs
        );
    }
    let done = rows.iter().map(|r| r.jobs).sum::<usize>() as f64;
    println!(
        "\n{:.0} simulated jobs a second.",
        done / begin.elapsed().as_secs_f64()
    );
    Ok(())
}
