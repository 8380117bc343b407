//! The charts of the evidence page.

use super::canvas::{
    Area, BLUE, DrawError, FAINT, Frame, GRID, INK, LINES, RED, Scale, Sides, drawn, floor, key,
    line, proposal, tested, text, write,
};
use crate::experiment::evidence::{Evidence, FACTORS};
use crate::experiment::procedure::Outcome;
use crate::render::number::{percent, rate};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use std::collections::BTreeSet;

/// How sure each effect is: |t| of the runs alone, the surest first.
pub(super) fn pareto(evidence: &Evidence) -> Result<Option<String>, String> {
    let Some(alone) = &evidence.runs_alone else {
        return Ok(None);
    };
    let mut bars: Vec<(&str, f64)> = FACTORS
        .into_iter()
        .zip(alone.t)
        .filter_map(|(factor, t)| Some((factor, t?.abs())))
        .collect();
    bars.sort_by(|a, b| b.1.total_cmp(&a.1));
    let most = bars
        .iter()
        .map(|bar| bar.1)
        .fold(alone.critical_t, f64::max);
    let height = 60 + 44 * bars.len() as u32;
    let label = "Bars: how far each factor's effect stands above noise in the runs alone";
    drawn((860, height), label, |area| {
        let scale = Scale {
            from: (0.0, 1.1 * most),
            to: (190, 790),
        };
        for (k, (factor, t)) in bars.iter().enumerate() {
            let y = 14 + 44 * k as i32;
            let colour = if *t >= alone.critical_t { BLUE } else { FAINT };
            area.draw(&Rectangle::new(
                [(190, y), (scale.at(*t), y + 28)],
                colour.filled(),
            ))?;
            let style = text(14, INK, HPos::Right, VPos::Center);
            write(area, *factor, (180, y + 14), style)?;
            let style = text(13, INK, HPos::Left, VPos::Center);
            write(area, format!("{t:.1}"), (scale.at(*t) + 8, y + 14), style)?;
        }
        let (x, bottom) = (scale.at(alone.critical_t), height as i32 - 40);
        super::canvas::dashed(area, (x, 4), (x, bottom), RED)?;
        let style = text(13, RED, HPos::Center, VPos::Top);
        let words = format!("beyond {:.1}: hardly chance (5 %)", alone.critical_t);
        write(area, words, (x.max(290), bottom + 6), style)
    })
    .map(Some)
}

/// One candidate on a slice: value of the factor, capacity and its 95 % band, runs on it.
struct Slice {
    title: &'static str,
    unit: &'static str,
    points: Vec<(f64, usize)>,
}

fn slices(evidence: &Evidence) -> [Slice; 3] {
    let problem = &evidence.problem;
    let at = problem.candidates[evidence.recommendation.candidate];
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let pick = |keep: &dyn Fn(usize) -> Option<f64>| {
        let mut points: Vec<(f64, usize)> = (0..problem.candidates.len())
            .filter(|&i| problem.keeps_memory_guard(i))
            .filter_map(|i| Some((keep(i)?, i)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let c = |i: usize| problem.candidates[i];
    [
        Slice {
            title: "parallelism",
            unit: "",
            points: pick(&|i| {
                let fits = same(c(i).memory_gib, at.memory_gib) && same(c(i).slots, at.slots);
                fits.then_some(c(i).parallelism)
            }),
        },
        Slice {
            title: "memory of a TaskManager",
            unit: " GiB",
            points: pick(&|i| {
                let fits = same(c(i).parallelism, at.parallelism) && same(c(i).slots, at.slots);
                fits.then_some(c(i).memory_gib)
            }),
        },
        Slice {
            title: "slots, same memory a slot",
            unit: "",
            points: pick(&|i| {
                let fits = same(c(i).parallelism, at.parallelism)
                    && same(c(i).memory_per_slot(), at.memory_per_slot());
                fits.then_some(c(i).slots)
            }),
        },
    ]
}

/// Capacity against each factor, the two others as proposed.
pub(super) fn main_effects(evidence: &Evidence) -> Result<String, String> {
    let required = evidence.problem.requirement.required_capacity;
    let posterior = &evidence.step.posterior;
    let capacity = |i: usize, z: f64| (posterior.mean[i] + z * posterior.sd[i]).exp();
    let slices = slices(evidence);
    let top = slices
        .iter()
        .flat_map(|s| &s.points)
        .map(|(_, i)| capacity(*i, 1.96))
        .fold(1.2 * required, f64::max);
    let label = "Three panels: capacity against parallelism, memory and slots with its 95 % band";
    drawn((860, 300), label, |area| {
        for (k, slice) in slices.iter().enumerate() {
            let left = 62 + 284 * k as i32;
            let last = slice.points.len().saturating_sub(1);
            let ends = match (slice.points.first(), slice.points.get(last)) {
                (Some(a), Some(b)) if a.0 < b.0 => (a.0, b.0),
                (Some(a), _) => (a.0 - 1.0, a.0 + 1.0),
                _ => (0.0, 1.0),
            };
            let few: Option<Vec<f64>> =
                (slice.points.len() <= 4).then(|| slice.points.iter().map(|p| p.0).collect());
            let frame = Frame::draw(
                area,
                &Sides {
                    left_top: (left, 34),
                    right_bottom: (left + 206, 240),
                    x: ends,
                    y: (0.0, 1.05 * top),
                    x_title: slice.title,
                    y_title: "capacity, records/s",
                    x_label: &|v| format!("{}{}", plain(v), slice.unit),
                    y_label: &rate,
                    x_ticks: few,
                },
            )?;
            let curve = |z: f64| -> Vec<(i32, i32)> {
                let points = slice.points.iter();
                points.map(|(x, i)| frame.at(*x, capacity(*i, z))).collect()
            };
            let mut band = curve(-1.96);
            band.extend(curve(1.96).into_iter().rev());
            if slice.points.len() > 1 {
                area.draw(&Polygon::new(band, BLUE.mix(0.15).filled()))?;
                line(area, curve(0.0), BLUE.stroke_width(2))?;
            } else if let [(x, i)] = slice.points[..] {
                let ends = vec![
                    frame.at(x, capacity(i, -1.96)),
                    frame.at(x, capacity(i, 1.96)),
                ];
                line(area, ends, BLUE.stroke_width(3))?;
            }
            frame.level(area, required, "required", RED)?;
            for run in &evidence.runs {
                let Outcome::Measured(measured) = run.run.outcome else {
                    continue;
                };
                if let Some((x, _)) = slice.points.iter().find(|p| p.1 == run.run.candidate) {
                    tested(area, frame.at(*x, measured), false)?;
                }
            }
            let chosen = evidence.recommendation.candidate;
            if let Some((x, i)) = slice.points.iter().find(|p| p.1 == chosen) {
                proposal(area, frame.at(*x, capacity(*i, 0.0)))?;
            }
        }
        Ok(())
    })
}

/// Capacity over parallelism, one line a memory size: lines that are not parallel interact.
pub(super) fn interactions(evidence: &Evidence) -> Result<String, String> {
    let problem = &evidence.problem;
    let at = problem.candidates[evidence.recommendation.candidate];
    let kept: Vec<usize> = (0..problem.candidates.len())
        .filter(|&i| problem.keeps_memory_guard(i) && problem.candidates[i].slots == at.slots)
        .collect();
    let levels = spread_out(
        kept.iter()
            .map(|&i| problem.candidates[i].memory_gib)
            .collect(),
        LINES.len(),
    );
    let capacity = |i: usize| evidence.step.posterior.mean[i].exp();
    let (mut low, mut high, mut top) = (f64::INFINITY, 0.0f64, 0.0f64);
    for &i in &kept {
        low = low.min(problem.candidates[i].parallelism);
        high = high.max(problem.candidates[i].parallelism);
        top = top.max(capacity(i));
    }
    let required = problem.requirement.required_capacity;
    let label = "Lines: capacity over parallelism for several memory sizes";
    drawn((860, 320), label, |area| {
        let frame = Frame::draw(
            area,
            &Sides {
                left_top: (70, 34),
                right_bottom: (720, 260),
                x: (low, high),
                y: (0.0, 1.1 * top.max(required)),
                x_title: "parallelism",
                y_title: "capacity, records/s",
                x_label: &plain,
                y_label: &rate,
                x_ticks: None,
            },
        )?;
        let mut labels: Vec<(i32, String, RGBColor)> = Vec::new();
        for (level, colour) in levels.iter().zip(LINES) {
            let mut points: Vec<(f64, usize)> = kept
                .iter()
                .filter(|&&i| problem.candidates[i].memory_gib == *level)
                .map(|&i| (problem.candidates[i].parallelism, i))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let path: Vec<(i32, i32)> = points
                .iter()
                .map(|(x, i)| frame.at(*x, capacity(*i)))
                .collect();
            if let Some(end) = path.last() {
                labels.push((end.1, format!("{} GiB", plain(*level)), colour));
            }
            line(area, path, colour.stroke_width(2))?;
        }
        labels.sort_by_key(|label| label.0);
        let mut free = i32::MIN;
        for (y, words, colour) in labels {
            let y = y.max(free);
            free = y + 16;
            let style = text(13, colour, HPos::Left, VPos::Center);
            write(area, words, (730, y), style)?;
        }
        frame.level(area, required, "required", RED)
    })
}

/// At most `count` of the distinct values, the ends among them.
fn spread_out(values: Vec<f64>, count: usize) -> Vec<f64> {
    let mut all = values;
    all.sort_by(f64::total_cmp);
    all.dedup();
    if all.len() <= count {
        return all;
    }
    (0..count)
        .map(|k| all[k * (all.len() - 1) / (count - 1)])
        .collect()
}

/// The bands of the chance map: lower end, colour, name.
const BANDS: [(f64, RGBColor, &str); 5] = [
    (0.95, RGBColor(0x4a, 0x90, 0xc2), "95 % and more"),
    (0.80, RGBColor(0x9f, 0xc8, 0xe4), "80 to 95 %"),
    (0.50, RGBColor(0xd6, 0xe8, 0xf5), "50 to 80 %"),
    (0.05, RGBColor(0xfb, 0xe3, 0xc4), "5 to 50 %"),
    (0.0, RGBColor(0xf3, 0xc3, 0x9a), "under 5 %"),
];
const RULED_OUT: RGBColor = RGBColor(0xd1, 0xd5, 0xdb);

/// The chance of carrying the requirement over parallelism and memory, slots as proposed.
pub(super) fn chance_map(evidence: &Evidence) -> Result<String, String> {
    let problem = &evidence.problem;
    let slots = problem.candidates[evidence.recommendation.candidate].slots;
    let here: Vec<usize> = (0..problem.candidates.len())
        .filter(|&i| problem.candidates[i].slots == slots)
        .collect();
    let distinct = |value: &dyn Fn(usize) -> f64| {
        let mut all: Vec<f64> = here.iter().map(|&i| value(i)).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    };
    let columns = distinct(&|i| problem.candidates[i].parallelism);
    let rows = distinct(&|i| problem.candidates[i].memory_gib);
    let width = (700 / columns.len().max(1) as i32).clamp(8, 60);
    let height = 34;
    let bottom = 20 + height * rows.len() as i32;
    let cell = |i: usize| {
        let c = problem.candidates[i];
        let column = columns.iter().position(|p| *p == c.parallelism)? as i32;
        let row = rows.iter().position(|m| *m == c.memory_gib)? as i32;
        Some((90 + width * column, bottom - height * (row + 1)))
    };
    let middle = |i: usize| cell(i).map(|(x, y)| (x + width / 2, y + height / 2));
    let label = "Map: chance of carrying the requirement over parallelism and memory";
    let size = (860, (bottom + 130) as u32);
    drawn(size, label, |area| {
        for &i in &here {
            let Some((x, y)) = cell(i) else { continue };
            let p = evidence.step.p_ok[i];
            let band = BANDS.iter().find(|band| p >= band.0);
            let colour = match band {
                _ if !problem.keeps_memory_guard(i) => RULED_OUT,
                Some((_, colour, _)) => *colour,
                None => RULED_OUT,
            };
            let corners = [(x, y), (x + width - 1, y + height - 1)];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
        }
        let style = || text(12, FAINT, HPos::Center, VPos::Top);
        let every = (34 / width + 1).max(1) as usize;
        for (k, p) in columns.iter().enumerate().rev().step_by(every) {
            let x = 90 + width * k as i32 + width / 2;
            write(area, plain(*p), (x, bottom + 5), style())?;
        }
        for (k, m) in rows.iter().enumerate() {
            let y = bottom - height * k as i32 - height / 2;
            let style = text(12, FAINT, HPos::Right, VPos::Center);
            write(area, format!("{} GiB", plain(*m)), (84, y), style)?;
        }
        let x = 90 + width * columns.len() as i32 / 2;
        let style = text(13, INK, HPos::Center, VPos::Top);
        write(
            area,
            format!(
                "parallelism (memory of a TaskManager on the left; {} slot{} each)",
                plain(slots),
                if slots == 1.0 { "" } else { "s" }
            ),
            (x.max(300), bottom + 24),
            style,
        )?;
        for line in &evidence.runs {
            let i = line.run.candidate;
            if let (false, Some(place)) = (here.contains(&i), middle(i)) {
                area.draw(&Circle::new(place, 5, INK.stroke_width(1)))?;
            }
        }
        let same_slots = |i: usize| middle(i).filter(|_| here.contains(&i));
        marks(evidence, area, &same_slots)?;
        band_key(area, bottom + 62)?;
        key(area, (98, bottom + 100), true)
    })
}

/// Tested points, floor and proposal where `at` puts them.
fn marks(
    evidence: &Evidence,
    area: &Area<'_>,
    at: &dyn Fn(usize) -> Option<(i32, i32)>,
) -> Result<(), DrawError> {
    if let Some(place) = at(evidence.recommendation.candidate) {
        proposal(area, place)?;
    }
    let failed: BTreeSet<usize> = evidence
        .runs
        .iter()
        .filter(|line| {
            matches!(
                line.run.outcome,
                Outcome::OutOfMemory | Outcome::FailedToStart
            )
        })
        .map(|line| line.run.candidate)
        .collect();
    let all: BTreeSet<usize> = evidence
        .runs
        .iter()
        .map(|line| line.run.candidate)
        .collect();
    for i in all {
        if let Some(place) = at(i) {
            tested(area, place, failed.contains(&i))?;
        }
    }
    // Under its disc, so that both are seen.
    match evidence.recommendation.floor.and_then(at) {
        Some((x, y)) => floor(area, (x, y + 12)),
        None => Ok(()),
    }
}

fn band_key(area: &Area<'_>, y: i32) -> Result<(), DrawError> {
    let mut x = 90;
    let bands = BANDS.iter().map(|(_, colour, name)| (*colour, *name));
    for (colour, name) in bands.chain([(RULED_OUT, "ruled out: memory")]) {
        area.draw(&Rectangle::new(
            [(x, y - 7), (x + 16, y + 7)],
            colour.filled(),
        ))?;
        let style = text(12, INK, HPos::Left, VPos::Center);
        write(area, name, (x + 22, y), style)?;
        x += 128;
    }
    Ok(())
}

/// What each size costs and how much of the required load it would hold back.
pub(super) fn cost_against_backpressure(evidence: &Evidence) -> Result<String, String> {
    let problem = &evidence.problem;
    let present = problem.cost(problem.baseline);
    let points: Vec<(f64, f64, usize)> = (0..problem.candidates.len())
        .filter(|&i| problem.keeps_memory_guard(i))
        .map(|i| (problem.cost(i) / present, held_back(evidence, i), i))
        .collect();
    let frontier = frontier(&points);
    let dearest = points.iter().map(|p| p.0).fold(1.0, f64::max);
    let worst = frontier.iter().map(|p| p.1).fold(0.05, f64::max);
    let label = "Curve: expected share of the required load held back, against cost";
    drawn((860, 380), label, |area| {
        let frame = Frame::draw(
            area,
            &Sides {
                left_top: (70, 34),
                right_bottom: (820, 280),
                x: (0.0, 1.02 * dearest.min(1.05)),
                y: (0.0, 1.08 * worst),
                x_title: "cost, share of the present",
                y_title: "required load held back (backpressure), expected",
                x_label: &percent,
                y_label: &percent,
                x_ticks: None,
            },
        )?;
        for (cost, share, _) in points.iter().filter(|p| p.1 <= worst) {
            area.draw(&Circle::new(frame.at(*cost, *share), 2, GRID.filled()))?;
        }
        let path = frontier.iter().map(|p| frame.at(p.0, p.1)).collect();
        line(area, path, BLUE.stroke_width(2))?;
        if let Some(knee) = knee(&frontier) {
            let at = frame.at(knee.0, knee.1);
            super::canvas::dashed(area, (at.0, frame.y.to.0), (at.0, frame.y.to.1), FAINT)?;
            let style = text(13, FAINT, HPos::Left, VPos::Top);
            let words = format!("knee: {} of the cost", percent(knee.0));
            write(area, words, (at.0 + 8, frame.y.to.1 + 4), style)?;
        }
        let place = |i: usize| {
            let cost = problem.cost(i) / present;
            Some(frame.at(cost, held_back(evidence, i)))
        };
        marks(evidence, area, &place)?;
        key(area, (78, 345), true)
    })
}

/// E[max(0, 1 - C/D*)] of a lognormal capacity: the share of the required load that would wait.
fn held_back(evidence: &Evidence, i: usize) -> f64 {
    use crate::statistics::distribution::normal_cdf;
    let posterior = &evidence.step.posterior;
    let (mean, sd) = (posterior.mean[i], posterior.sd[i].max(1e-9));
    let needed = evidence.problem.requirement.required_capacity.ln();
    let d = (needed - mean) / sd;
    let share = normal_cdf(d) - (mean + sd * sd / 2.0 - needed).exp() * normal_cdf(d - sd);
    share.clamp(0.0, 1.0)
}

/// From the cheapest on, the candidates that hold back less than all cheaper ones.
fn frontier(points: &[(f64, f64, usize)]) -> Vec<(f64, f64, usize)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut least = f64::INFINITY;
    sorted
        .into_iter()
        .filter(|p| {
            let better = p.1 < least - 1e-6;
            least = least.min(p.1);
            better
        })
        .collect()
}

/// The point of the frontier farthest under the straight line between its ends (both axes scaled to
/// one): beyond it, money buys little.
fn knee(frontier: &[(f64, f64, usize)]) -> Option<(f64, f64, usize)> {
    let (first, last) = (frontier.first()?, frontier.last()?);
    let (dx, dy) = (last.0 - first.0, first.1 - last.1);
    if frontier.len() < 3 || dx <= 0.0 || dy <= 0.0 {
        return None;
    }
    let depth = |p: &(f64, f64, usize)| 1.0 - (p.0 - first.0) / dx - (p.1 - last.1) / dy;
    frontier
        .iter()
        .copied()
        .max_by(|a, b| depth(a).total_cmp(&depth(b)))
}

/// Leave-one-out residuals in the order of the runs.
pub(super) fn residuals(evidence: &Evidence) -> Result<String, String> {
    let points: Vec<(usize, usize, f64)> = evidence
        .runs
        .iter()
        .enumerate()
        .filter_map(|(i, line)| Some((i + 1, line.run.block, line.residual?)))
        .collect();
    let most = points.iter().map(|p| p.2.abs()).fold(3.4, f64::max);
    let count = evidence.runs.len();
    let label = "Points: how far each run lies from what the other runs predict, in their order";
    drawn((860, 270), label, |area| {
        let frame = Frame::draw(
            area,
            &Sides {
                left_top: (70, 34),
                right_bottom: (820, 210),
                x: (0.5, count as f64 + 0.5),
                y: (-most, most),
                x_title: "run (a dashed line stands between days)",
                y_title: "standard deviations from what the other runs predict",
                x_label: &plain,
                y_label: &|v| format!("{v:.0}"),
                x_ticks: Some((1..=count).map(|i| i as f64).collect()),
            },
        )?;
        for pair in evidence.runs.windows(2).enumerate() {
            if pair.1[0].run.block != pair.1[1].run.block {
                let x = frame.x.at(pair.0 as f64 + 1.5);
                super::canvas::dashed(area, (x, frame.y.to.0), (x, frame.y.to.1), GRID)?;
            }
        }
        frame.level(area, 3.0, "3: something is off", RED)?;
        frame.level(area, -3.0, "", RED)?;
        let zero = frame.y.at(0.0);
        line(area, vec![(70, zero), (820, zero)], FAINT)?;
        for (order, _, z) in &points {
            area.draw(&Circle::new(frame.at(*order as f64, *z), 5, BLUE.filled()))?;
        }
        Ok(())
    })
}

/// A number without needless places.
pub(super) fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
