//! Prints the simulated comparison of methods: `cargo run --release --example simulate_doe [jobs] [seed]`.
#![allow(clippy::print_stdout)]

use plimsoll::experiment::simulation::{simulate_all, table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let jobs = arguments.next().map_or(Ok(300), |a| a.parse())?;
    let seed = arguments.next().map_or(Ok(1), |a| a.parse())?;
    let begin = std::time::Instant::now();
    let rows = simulate_all(jobs, seed)?;
    println!("Simulated: {jobs} jobs a scenario, seed {seed}.\n");
    println!("{}", table(&rows));
    let done = rows.iter().map(|r| r.jobs).sum::<usize>() as f64;
    println!(
        "{:.0} simulated jobs a second.",
        done / begin.elapsed().as_secs_f64()
    );
    Ok(())
}
