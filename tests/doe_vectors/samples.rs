//! Samples, distributions, tests and monitors.

use plimsoll::statistics::autocorrelation::{autocorrelations, durbin_watson, ljung_box};
use plimsoll::statistics::changepoint::{best_segmentation, penalised_segmentation};
use plimsoll::statistics::control_chart::{
    CusumDesign, Direction, PageHinkley, cusum, cusum_run_length, cusum_run_length_two_sided, ewma,
    ewma_run_length, page_hinkley,
};
use plimsoll::statistics::distribution as d;
use plimsoll::statistics::multiple::{benjamini_hochberg, bonferroni, holm};
use plimsoll::statistics::noncentral::{noncentral_t_cdf, noncentral_t_quantile, noncentral_t_sf};
use plimsoll::statistics::normality::shapiro_wilk;
use plimsoll::statistics::paired::{paired_t, sign_test, signed_rank};
use plimsoll::statistics::power::{two_sample_power, two_sample_size};
use plimsoll::statistics::proportion::{clopper_pearson, jeffreys, one_sided_limits, wilson};
use plimsoll::statistics::quantile::{
    QuantileType, least_samples_for_maximum, quantile, upper_limit_rank_from_top,
};
use plimsoll::statistics::rank_sum::{Alternative, mann_whitney};
use plimsoll::statistics::sequential::{SequentialDecision, bernoulli_sprt, mixture_sprt};
use plimsoll::statistics::slope::{breusch_pagan_of_line, theil_sen};
use plimsoll::statistics::tolerance::{
    least_samples_for_range, lower_tolerance_limit, normal_two_sided_tolerance_factor,
    normal_upper_tolerance_factor, upper_tolerance_limit,
};
use plimsoll::statistics::two_sample::{brown_forsythe, brunner_munzel, kolmogorov_smirnov, welch};
use plimsoll::statistics::{StatisticsError, desirability};
use serde_json::{Map, Value, json};

use super::{Outcome, number, number_or, numbers, text};

pub(crate) fn run(kind: &str, input: &Value, expect: &Value) -> Outcome {
    match kind {
        "monitor.cusum"
        | "monitor.ewma"
        | "monitor.cusum_arl"
        | "monitor.ewma_arl"
        | "monitor.page_hinkley"
        | "monitor.msprt"
        | "monitor.sprt_bernoulli" => monitor(kind, input).map_err(text)?,
        "quantile.types" => quantiles(input),
        "dist.values" => distribution(input, expect),
        _ => sample(kind, input).map_err(text)?,
    }
}

type Nested = Result<Outcome, StatisticsError>;

/// Unpacks an argument inside a function of typed errors.
macro_rules! arg {
    ($e:expr) => {
        match $e {
            Ok(value) => value,
            Err(reason) => return Ok(Err(reason)),
        }
    };
}

fn quantiles(input: &Value) -> Outcome {
    let (x, p) = (numbers(&input["x"])?, numbers(&input["p"])?);
    let mut out = Map::new();
    for (i, kind) in QuantileType::ALL.iter().enumerate() {
        let values = p
            .iter()
            .map(|p| quantile(&x, *p, *kind))
            .collect::<Result<Vec<_>, _>>()
            .map_err(text)?;
        out.insert(format!("type{}", i + 1), json!(values));
    }
    Ok(out.into())
}

fn distribution(input: &Value, expect: &Value) -> Outcome {
    let (x, q) = (
        number(input, "x")?,
        numbers(&input["params"]).unwrap_or_default(),
    );
    let name = input["distribution"].as_str().unwrap_or("");
    let at = |i: usize, default: f64| q.get(i).copied().unwrap_or(default);
    let z = |v: f64| (v - at(0, 0.0)) / at(1, 1.0);
    let values = |p: f64| match name {
        "t" => d::t_quantile(p, at(0, 1.0)),
        "F" | "f" => d::f_quantile(p, at(0, 1.0), at(1, 1.0)),
        "chi2" => d::chi_squared_quantile(p, at(0, 1.0)),
        "beta" => d::beta_quantile(p, at(0, 1.0), at(1, 1.0)),
        "binom" | "binomial" => {
            d::binomial_quantile(p, at(0, 1.0).max(0.0) as u64, at(1, 0.5)).map(|k| k as f64)
        }
        "nct" => noncentral_t_quantile(p, at(0, 1.0), at(1, 0.0)),
        _ => d::normal_quantile(p).map(|v| at(0, 0.0) + at(1, 1.0) * v),
    };
    let (cdf, sf) = match name {
        "t" => (d::t_cdf(x, at(0, 1.0)), d::t_sf(x, at(0, 1.0))),
        "F" | "f" => (
            d::f_cdf(x, at(0, 1.0), at(1, 1.0)),
            d::f_sf(x, at(0, 1.0), at(1, 1.0)),
        ),
        "chi2" => (
            d::chi_squared_cdf(x, at(0, 1.0)),
            d::chi_squared_sf(x, at(0, 1.0)),
        ),
        "beta" => (
            d::beta_cdf(x, at(0, 1.0), at(1, 1.0)),
            d::beta_sf(x, at(0, 1.0), at(1, 1.0)),
        ),
        "nct" => (
            noncentral_t_cdf(x, at(0, 1.0), at(1, 0.0)),
            noncentral_t_sf(x, at(0, 1.0), at(1, 0.0)),
        ),
        "binom" | "binomial" if x < 0.0 => (Ok(0.0), Ok(1.0)),
        "binom" | "binomial" => {
            let (k, n) = (x.floor() as u64, at(0, 1.0).max(0.0) as u64);
            (
                d::binomial_cdf(k, n, at(1, 0.5)),
                d::binomial_sf(k, n, at(1, 0.5)),
            )
        }
        "norm" | "normal" => (Ok(d::normal_cdf(z(x))), Ok(d::normal_sf(z(x)))),
        other => return Err(format!("no distribution `{other}`")),
    };
    let mut out = json!({"cdf": cdf.map_err(text)?, "sf": sf.map_err(text)?});
    for key in expect.as_object().ok_or("no expectation")?.keys() {
        if let Some(p) = key.strip_prefix("quantile_").and_then(|p| p.parse().ok()) {
            out[key] = json!(values(p).map_err(text)?);
        }
    }
    Ok(out)
}

fn finite(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else {
        Value::Null
    }
}

fn sample(kind: &str, input: &Value) -> Nested {
    let list = |field: &str| numbers(&input[field]);
    let value = |field: &str| number(input, field);
    Ok(Ok(match kind {
        "tolerance.normal_factor" => {
            let (n, c, g) = (
                arg!(value("n")) as usize,
                arg!(value("coverage")),
                arg!(value("confidence")),
            );
            json!({"k_one_sided": normal_upper_tolerance_factor(n, c, g)?,
                "k_two_sided": normal_two_sided_tolerance_factor(n, c, g)?})
        }
        "tolerance.normal_upper" => {
            let (x, c, g) = (
                arg!(list("x")),
                arg!(value("coverage")),
                arg!(value("confidence")),
            );
            json!({"upper": upper_tolerance_limit(&x, c, g)?,
                "lower_one_sided": lower_tolerance_limit(&x, c, g)?})
        }
        "tolerance.nonparametric" => {
            let (n, c, g) = (
                arg!(value("n")) as usize,
                arg!(value("coverage")),
                arg!(value("confidence")),
            );
            json!({"n_min_one_sided_max": least_samples_for_maximum(c, g)?,
                "n_min_two_sided_range": least_samples_for_range(c, g)?,
                "rank_from_top_for_upper_bound": upper_limit_rank_from_top(n, c, g)?})
        }
        "ci.proportion" => {
            let (k, n) = (arg!(value("k")) as u64, arg!(value("n")) as u64);
            let level = number_or(input, "level", 0.95);
            let (lower, upper) = one_sided_limits(k, n, 0.95)?;
            json!({"clopper_pearson": clopper_pearson(k, n, level)?, "wilson": wilson(k, n, level)?,
                "one_sided_95": {"lower": lower, "upper": upper}, "jeffreys": jeffreys(k, n, level)?})
        }
        "test.mann_whitney" => {
            let alternative = match input["alternative"].as_str().unwrap_or("two.sided") {
                "greater" => Alternative::Greater,
                "less" => Alternative::Less,
                _ => Alternative::TwoSided,
            };
            let exact = input["exact"].as_bool().unwrap_or(true);
            let continuity = input["continuity"].as_bool().unwrap_or(true);
            let level = number_or(input, "level", 0.95);
            let r = mann_whitney(
                &arg!(list("x")),
                &arg!(list("y")),
                alternative,
                exact,
                continuity,
                level,
            )?;
            json!({"U": r.u, "p": r.p, "shift": r.shift,
                "ci": [finite(r.interval.0), finite(r.interval.1)]})
        }
        "test.two_sample" => {
            let (x, y) = (arg!(list("x")), arg!(list("y")));
            let w = welch(&x, &y, 0.95)?;
            let (ks, ks_p) = kolmogorov_smirnov(&x, &y)?;
            let (bm, bm_p) = brunner_munzel(&x, &y)?;
            let (bf, bf_p) = brown_forsythe(&x, &y)?;
            let (sw, sw_p) = shapiro_wilk(&x)?;
            json!({"welch_t": w.t, "welch_df": w.df, "welch_p": w.p, "welch_ci95": w.interval,
                "ks_d": ks, "ks_p_exact": ks_p, "brunner_munzel": bm, "brunner_munzel_p": bm_p,
                "brown_forsythe": bf, "brown_forsythe_p": bf_p, "shapiro_w_x": sw, "shapiro_p_x": sw_p})
        }
        "test.paired" => {
            let x = arg!(list("differences"));
            let (t, p) = paired_t(&x)?;
            let (w, wp) = signed_rank(&x)?;
            json!({"t": t, "t_p": p, "wilcoxon_min_rank_sum": w, "wilcoxon_p_exact": wp,
                "sign_test_p": sign_test(&x)?})
        }
        "multiple.adjust" => {
            let p = arg!(list("p"));
            json!({"holm": holm(&p)?, "bh": benjamini_hochberg(&p)?, "bonferroni": bonferroni(&p)?})
        }
        "series.autocorrelation" => {
            let x = arg!(list("x"));
            let (five, ten) = (ljung_box(&x, 5)?, ljung_box(&x, 10)?);
            json!({"acf_1_to_5": autocorrelations(&x, 5)?, "ljung_box_5_10": [five.0, ten.0],
                "ljung_box_p": [five.1, ten.1], "durbin_watson": durbin_watson(&x)?})
        }
        "test.heteroscedastic_and_slope" => {
            let (x, y) = (arg!(list("x")), arg!(list("y")));
            let (lm, p) = breusch_pagan_of_line(&x, &y)?;
            let s = theil_sen(&x, &y, 0.95)?;
            json!({"breusch_pagan_lm": lm, "breusch_pagan_p": p, "theil_sen_slope": s.slope,
                "theil_sen_intercept": s.intercept, "theil_sen_ci95": s.interval})
        }
        "power.two_sample_t" => {
            let (e, n, a) = (
                arg!(value("effect_sd")),
                arg!(value("n_per_group")),
                arg!(value("alpha")),
            );
            json!({"power_two_sided": two_sample_power(e, n, a, true)?,
                "power_one_sided": two_sample_power(e, n, a, false)?,
                "n_for_power_0.8": two_sample_size(e, 0.8, a)?})
        }
        "changepoint.l2" => {
            let (x, size) = (arg!(list("x")), number_or(input, "min_size", 2.0) as usize);
            let (breaks, cost) = best_segmentation(&x, arg!(value("n_bkps")) as usize, size)?;
            let penalised = penalised_segmentation(&x, arg!(value("pelt_penalty")), size)?;
            json!({"dynp_breaks": breaks, "dynp_cost": cost, "pelt_breaks": penalised})
        }
        "desirability.derringer_suich" => {
            let (low, high, weight) = (
                arg!(value("low")),
                arg!(value("high")),
                number_or(input, "weight", 1.0),
            );
            let (mut larger, mut smaller, mut overall) = (Vec::new(), Vec::new(), Vec::new());
            for y in arg!(list("y")) {
                let l = desirability::larger_is_better(y, low, high, weight)?;
                let s = desirability::smaller_is_better(y, low, high, 1.0)?;
                overall.push(desirability::overall(&[l, s], &[1.0, 1.0])?);
                larger.push(l);
                smaller.push(s);
            }
            json!({"larger_is_better": larger, "smaller_is_better_weight1": smaller,
                "overall_geometric_mean": overall})
        }
        _ => return Ok(Err(format!("no function answers `{kind}`"))),
    }))
}

fn monitor(kind: &str, input: &Value) -> Nested {
    let value = |field: &str| number(input, field);
    let x = numbers(&input["x"]).unwrap_or_default();
    let shift = number_or(input, "shift", 0.0);
    Ok(Ok(match kind {
        "monitor.cusum" => {
            let design = CusumDesign {
                mean: arg!(value("mu")),
                sd: arg!(value("sigma")),
                k: arg!(value("k")),
                h: arg!(value("h")),
                head_start: number_or(input, "head_start", 0.0),
            };
            let c = cusum(&x, design)?;
            json!({"upper": c.upper, "lower": c.lower, "first_alarm_upper": c.first_alarm_upper,
                "first_alarm_lower": c.first_alarm_lower})
        }
        "monitor.ewma" => {
            let (mu, sigma, lambda) = (
                arg!(value("mu")),
                arg!(value("sigma")),
                arg!(value("lambda")),
            );
            let e = ewma(&x, mu, sigma, lambda, arg!(value("c")))?;
            json!({"z": e.z, "half_width": e.half_width, "first_alarm": e.first_alarm})
        }
        "monitor.cusum_arl" => {
            let (k, h) = (arg!(value("k")), arg!(value("h")));
            let two = input["sided"] == "two";
            json!({"arl": if two { cusum_run_length_two_sided(k, h, shift)? } else { cusum_run_length(k, h, shift)? }})
        }
        "monitor.ewma_arl" => {
            json!({"arl": ewma_run_length(arg!(value("lambda")), arg!(value("c")), shift)?})
        }
        "monitor.page_hinkley" => {
            let design = PageHinkley {
                min_instances: arg!(value("min_instances")) as usize,
                delta: arg!(value("delta")),
                threshold: arg!(value("threshold")),
                alpha: number_or(input, "alpha", 1.0),
                direction: match input["mode"].as_str().unwrap_or("both") {
                    "up" => Direction::Up,
                    "down" => Direction::Down,
                    _ => Direction::Both,
                },
            };
            json!({"alarms": page_hinkley(&x, design)?})
        }
        "monitor.msprt" => {
            let m = mixture_sprt(
                &x,
                arg!(value("sigma2")),
                arg!(value("tau2")),
                arg!(value("alpha")),
            )?;
            json!({"log_lambda": m.log_lambda, "always_valid_p": m.always_valid_p,
                "confidence_sequence_half_width": m.half_width, "first_rejection": m.first_rejection})
        }
        _ => {
            let (p0, p1) = (arg!(value("p0")), arg!(value("p1")));
            let b = bernoulli_sprt(&x, p0, p1, arg!(value("alpha")), arg!(value("beta")))?;
            let decision = match b.decision {
                SequentialDecision::Reject => "reject",
                SequentialDecision::Accept => "accept",
                SequentialDecision::Continue => "continue",
            };
            json!({"llr": b.log_ratio, "upper": b.upper, "lower": b.lower, "stop_index": b.stop,
                "decision": decision})
        }
    }))
}
