//! Designs, key groups and the procedure.

use plimsoll::experiment::composite::{CompositeKind, StarRule, box_behnken, central_composite};
use plimsoll::experiment::factorial::{full_factorial, two_level};
use plimsoll::experiment::fractional::fractional;
use plimsoll::experiment::metrics::design_metrics;
use plimsoll::experiment::optimal::{Criterion, optimal_design};
use plimsoll::experiment::procedure::{
    Candidate, Origin, Outcome, Prices, Prior, Problem, Requirement, Run, Spread, history::read,
    step,
};
use plimsoll::experiment::screening::{definitive_screening, plackett_burman};
use plimsoll::experiment::space_filling::space_filling;
use plimsoll::flink::key_groups::{balanced, largest_share, skew};
use plimsoll::quantity::Parallelism;
use plimsoll::statistics::terms::{Term, parse_terms};
use serde_json::{Map, Value, json};

use super::{Outcome as Answer, number, number_or, numbers, rows, text};

pub(crate) fn terms(input: &Value) -> Result<Vec<Term>, String> {
    let list = input["terms"].as_array().ok_or("no terms")?;
    parse_terms(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>()).map_err(text)
}

fn whole(input: &Value, field: &str) -> Result<usize, String> {
    Ok(number(input, field)? as usize)
}

pub(crate) fn run(kind: &str, input: &Value, expect: &Value) -> Answer {
    match kind {
        "design.full_factorial" => {
            let levels: Vec<usize> = numbers(&input["levels"])?
                .iter()
                .map(|l| *l as usize)
                .collect();
            Ok(json!({"matrix": full_factorial(&levels).map_err(text)?}))
        }
        "design.two_level" => Ok(json!({"matrix": two_level(whole(input, "k")?).map_err(text)?})),
        "design.fractional" => fraction(input),
        "design.plackett_burman" => {
            let matrix = plackett_burman(whole(input, "factors")?).map_err(text)?;
            let balanced = (0..matrix[0].len()).all(|j| column_sum(&matrix, &[j]) == 0.0);
            Ok(
                json!({"runs": matrix.len(), "balanced": balanced, "orthogonal": orthogonal(&matrix)}),
            )
        }
        "design.definitive_screening" => screening(input),
        "design.ccd" => composite(input),
        "design.box_behnken" => {
            let centre = number_or(input, "center", 1.0) as usize;
            Ok(json!({"matrix": box_behnken(whole(input, "k")?, centre).map_err(text)?}))
        }
        "design.exact_d_optimal" | "design.d_optimal_best_known" => optimal(input, expect),
        "design.metrics" => metrics(input),
        "design.space_filling_metrics" => {
            let m = space_filling(&rows(&input["points_unit_cube"])?).map_err(text)?;
            Ok(
                json!({"is_latin": m.is_latin, "cd": m.centred, "wd": m.wrap_around, "md": m.mixture,
                "l2_star": m.l2_star, "mindist": m.least_distance,
                "max_abs_column_correlation": m.max_correlation}),
            )
        }
        "flink.key_group_skew" => {
            let whole = |f| number(input, f).map(|v| v as u32);
            let groups = whole("max_parallelism")?;
            let p = Parallelism::new(whole("parallelism")?).map_err(text)?;
            Ok(
                json!({"min_groups": groups / p.get(), "max_groups": largest_share(groups, p),
                "skew": skew(groups, p), "smallest_parallelism_with_same_max": balanced(groups, p)}),
            )
        }
        "procedure.step" => procedure(input),
        _ => Err(format!("no function answers `{kind}`")),
    }
}

fn column_sum(matrix: &[Vec<f64>], factors: &[usize]) -> f64 {
    matrix
        .iter()
        .map(|row| factors.iter().map(|&j| row[j]).product::<f64>())
        .sum()
}

fn orthogonal(matrix: &[Vec<f64>]) -> bool {
    (0..matrix[0].len()).all(|i| (0..i).all(|j| column_sum(matrix, &[i, j]) == 0.0))
}

fn fraction(input: &Value) -> Answer {
    let design = fractional(input["generators"].as_str().ok_or("no generators")?).map_err(text)?;
    let lengths: Map<String, Value> = design
        .word_lengths
        .iter()
        .map(|(l, c)| (l.to_string(), json!(c)))
        .collect();
    Ok(
        json!({"runs": design.matrix.len(), "factors": design.matrix[0].len(), "matrix": design.matrix,
        "resolution": design.resolution, "defining_words": design.defining_words,
        "word_length_pattern": lengths, "alias_up_to_2fi": design.aliases}),
    )
}

fn screening(input: &Value) -> Answer {
    let matrix = definitive_screening(whole(input, "factors")?).map_err(text)?;
    let k = matrix[0].len();
    let negative = |row: &Vec<f64>| row.iter().map(|v| 0.0 - v).collect::<Vec<f64>>();
    let foldover = matrix.iter().all(|row| {
        let count = |wanted: &[f64]| matrix.iter().filter(|r| r.as_slice() == wanted).count();
        count(row) == count(&negative(row))
    });
    let clear =
        (0..k).all(|i| (0..k).all(|j| (j..k).all(|l| column_sum(&matrix, &[i, j, l]) == 0.0)));
    let zeros: Vec<usize> = (0..k)
        .map(|j| matrix.iter().filter(|r| r[j] == 0.0).count())
        .collect();
    let same = zeros.iter().all(|z| *z == zeros[0]);
    Ok(
        json!({"runs": matrix.len(), "foldover": foldover, "main_orthogonal": orthogonal(&matrix),
        "main_orthogonal_to_quadratic_and_2fi": clear,
        "zeros_per_column": if same { json!(zeros[0]) } else { json!(zeros) }}),
    )
}

fn composite(input: &Value) -> Answer {
    let rule = match input["alpha_rule"].as_str().unwrap_or("rotatable") {
        "orthogonal" => StarRule::Orthogonal,
        "rotatable" => StarRule::Rotatable,
        _ => StarRule::FaceCentred,
    };
    let kind = match input["face"].as_str().unwrap_or("ccc") {
        "cci" => CompositeKind::Inscribed,
        "ccf" => CompositeKind::FaceCentred,
        _ => CompositeKind::Circumscribed,
    };
    let (cube, star) = (
        whole(input, "center_factorial")?,
        whole(input, "center_axial")?,
    );
    let design = central_composite(whole(input, "k")?, cube, star, rule, kind).map_err(text)?;
    Ok(json!({"matrix": design.matrix, "alpha": design.alpha}))
}

fn optimal(input: &Value, expect: &Value) -> Answer {
    let (candidates, terms) = (rows(&input["candidates"])?, terms(input)?);
    let runs = whole(input, "runs")?;
    let design = optimal_design(&candidates, &terms, runs, &[], Criterion::D, 20).map_err(text)?;
    if design.chosen.len() != runs || design.chosen.iter().any(|i| *i >= candidates.len()) {
        return Err("the design is not made of the candidates".to_owned());
    }
    let best = number(expect, "best_det_xtx")?.ln();
    Ok(json!({"relative_d_efficiency": ((design.log_det - best) / terms.len() as f64).exp()}))
}

fn metrics(input: &Value) -> Answer {
    let points = rows(&input["points"])?;
    let region = if input["region"].is_null() {
        points.clone()
    } else {
        rows(&input["region"])?
    };
    let m = design_metrics(&points, &terms(input)?, &region).map_err(text)?;
    let vif: Map<String, Value> = m
        .vif
        .iter()
        .map(|(name, v)| (name.clone(), json!(v)))
        .collect();
    Ok(
        json!({"n": m.runs, "p": m.parameters, "log_det_xtx": m.log_det,
        "d_efficiency_pct": m.d_efficiency, "a_efficiency_pct": m.a_efficiency,
        "g_efficiency_pct": m.g_efficiency, "i_average_variance": m.i_variance,
        "max_scaled_prediction_variance": m.max_scaled_variance, "leverage": m.leverages, "vif": vif,
        "condition_number": m.condition_number}),
    )
}

fn fixed<const N: usize>(value: &Value) -> Result<[f64; N], String> {
    numbers(value)?
        .try_into()
        .map_err(|_| format!("want {N} numbers"))
}

fn procedure(input: &Value) -> Answer {
    let candidates = rows(&input["candidates_p_m_s"])?
        .iter()
        .map(|r| Candidate {
            parallelism: r[0],
            memory_gib: r[1],
            slots: r[2],
        })
        .collect();
    let problem = Problem {
        max_parallelism: number(input, "max_parallelism")?,
        candidates,
        baseline: whole(input, "baseline")?,
        prior: Prior {
            mean: fixed(&input["prior_mean"])?,
            sd: fixed(&input["prior_sd"])?,
        },
        spread: Spread {
            remainder_sd: number(input, "remainder_sd")?,
            length_scales: fixed(&input["length_scales_lnpeff_lnmem_log2slots"])?,
            run_sd: number(input, "sd_run")?,
            block_sd: number(input, "sd_block")?,
        },
        requirement: Requirement {
            required_capacity: number(input, "required_capacity")?,
            window_load: number(input, "window_load")?,
            observed_peak_gib_per_slot: number(input, "observed_peak_gib_per_slot")?,
            alpha: number(input, "alpha")?,
            judge_a_day: input["judge_a_day"].as_bool().unwrap_or(false),
        },
        prices: Prices {
            core: number(input, "price_core")?,
            gib: number(input, "price_gib")?,
            cores_per_slot: number_or(input, "cores_per_slot", 1.0),
        },
        stop_fraction: number(input, "stop_fraction")?,
    };
    let runs = input["runs"].as_array().ok_or("no runs")?;
    let runs = runs
        .iter()
        .map(|run| {
            let measured = run["ln_capacity"]
                .as_f64()
                .map(|ln| Outcome::Measured(ln.exp()));
            Ok(Run {
                candidate: whole(run, "candidate")?,
                block: whole(run, "block")?,
                outcome: measured.unwrap_or(Outcome::OutOfMemory),
                origin: Origin::Planned,
                extra_sd: 0.0,
                guard_tripped: false,
                lag_minutes: 0.0,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let history = read(&problem, &runs).map_err(text)?;
    let s = step(&problem, &history.observations, &history.excluded).map_err(text)?;
    Ok(
        json!({"posterior_mean": s.posterior.mean, "posterior_sd": s.posterior.sd,
        "noise_scale_f2": s.posterior.noise_scale, "p_ok": s.p_ok, "safe": s.safe,
        "recommended": s.recommended, "recommended_is_baseline_fallback": s.is_baseline_fallback,
        "expected_improvement": s.expected_improvement, "next_run": s.next_run}),
    )
}
