//! Prints how long the heaviest pure functions take:
//! `cargo run --release --example statistics_figures`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use plimsoll::experiment::optimal::{Criterion, optimal_design};
use plimsoll::experiment::procedure::{
    Candidate, Observation, Prices, Prior, Problem, Reading, Requirement, Spread, step,
};
use plimsoll::statistics::linear::ordinary;
use plimsoll::statistics::terms::{ModelMatrix, lettered_columns, parse_terms};

/// The median time of `times` calls, milliseconds.
fn timed(
    times: usize,
    mut call: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let begin = Instant::now();
        call()?;
        took.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[times / 2])
}

fn problem() -> Problem {
    let candidates = (0..2000).map(|i| Candidate {
        parallelism: f64::from(10 + i % 50),
        memory_gib: f64::from(4 + (i / 50) % 20),
        slots: f64::from(1 << (i / 1000)),
    });
    Problem {
        max_parallelism: 128.0,
        candidates: candidates.collect(),
        baseline: 1999,
        prior: Prior::default_about(10.0, 0.12, true),
        spread: Spread::default(),
        requirement: Requirement {
            required_capacity: 12_000.0,
            window_load: 7_000.0,
            observed_peak_gib_per_slot: 0.6,
            alpha: 0.05,
            judge_a_day: false,
        },
        prices: Prices {
            core: 1.0,
            gib: 0.13,
            cores_per_slot: 1.0,
        },
        stop_fraction: 0.015,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("| work | median ms |\n| --- | --- |");
    let problem = problem();
    let runs: Vec<Observation> = (0..20usize)
        .map(|i| Observation {
            candidate: 1999 - 97 * i,
            block: i / 4,
            reading: Reading::Measured(9.8 + 0.01 * (i % 7) as f64),
            extra_sd: 0.0,
        })
        .collect();
    let took = timed(21, || Ok(step(&problem, &runs, &[]).map(|_| ())?))?;
    println!("| one step, 20 runs, 2,000 candidates | {took:.2} |");
    let grid: Vec<Vec<f64>> = (0..500)
        .map(|i| {
            vec![
                f64::from(i % 10) / 4.5 - 1.0,
                f64::from(i / 10 % 10) / 4.5 - 1.0,
                f64::from(i / 100) / 2.0 - 1.0,
            ]
        })
        .collect();
    let quadratic = parse_terms(&["1", "A", "B", "C", "A:B", "A:C", "B:C", "A^2", "B^2", "C^2"])?;
    let took = timed(3, || {
        Ok(optimal_design(&grid, &quadratic, 12, &[], Criterion::D, 1).map(|_| ())?)
    })?;
    println!("| D-optimal design, 12 runs of 500 candidates | {took:.1} |");
    let data: Vec<Vec<f64>> = (0..100).map(|i| grid[i * 37 % 500].clone()).collect();
    let y: Vec<f64> = (0..100).map(|i| f64::from(i % 13)).collect();
    let model = ModelMatrix::new(&lettered_columns(&data)?, &quadratic, true)?;
    let took = timed(21, || Ok(ordinary(&model, &y).map(|_| ())?))?;
    println!("| least squares, 100 x 10 | {took:.3} |");
    Ok(())
}
