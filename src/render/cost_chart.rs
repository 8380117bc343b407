//! What jobs cost now and would cost, as bars.

use super::number;
use crate::plan::{Plan, PlannedChange};
use plotters::prelude::*;

/// Jobs in the chart at most: those with the largest difference.
const MOST: usize = 14;
const WIDTH: u32 = 900;
const ROW: u32 = 34;
const NOW: RGBColor = RGBColor(148, 163, 184);
const PROPOSED: RGBColor = RGBColor(14, 116, 144);
const TEXT: RGBColor = RGBColor(100, 116, 139);

/// The chart as SVG; `None` when no job has a change, or it can't be drawn.
pub fn svg(plan: &Plan) -> Option<String> {
    let mut changes: Vec<&PlannedChange> = plan
        .items
        .iter()
        .filter_map(|item| item.change.as_deref())
        .collect();
    if changes.is_empty() {
        return None;
    }
    changes.sort_by(|a, b| {
        let size = |change: &PlannedChange| change.recommendation.saving.per_month.abs();
        size(b)
            .total_cmp(&size(a))
            .then_with(|| a.recommendation.job.cmp(&b.recommendation.job))
    });
    changes.truncate(MOST);
    let mut text = String::new();
    draw(&mut text, &changes).ok()?;
    // The page scales the picture; a name makes it readable without eyes.
    Some(text.replacen(
        "<svg ",
        "<svg role=\"img\" aria-label=\"Cost a month of each job, now and as proposed\" ",
        1,
    ))
}

fn draw(text: &mut String, changes: &[&PlannedChange]) -> Result<(), Box<dyn std::error::Error>> {
    let height = ROW * changes.len() as u32 + 16;
    let root = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    let most = changes
        .iter()
        .map(|change| {
            change
                .recommendation
                .cost_now
                .per_month
                .max(change.recommendation.cost_proposed.per_month)
        })
        .fold(1.0, f64::max);
    let (left, room) = (250, f64::from(WIDTH - 250 - 120));
    let label = ("sans-serif", 13).into_font().color(&TEXT);
    for (row, change) in changes.iter().enumerate() {
        let recommendation = &change.recommendation;
        let top = (ROW * row as u32 + 8) as i32;
        let currency = &recommendation.saving.currency;
        let name: String = recommendation.job.short().chars().take(36).collect();
        root.draw(&Text::new(name, (4, top + 8), label.clone()))?;
        for (at, height, amount, colour) in [
            (0, 11, recommendation.cost_now.per_month, NOW),
            (13, 11, recommendation.cost_proposed.per_month, PROPOSED),
        ] {
            let width = (room * (amount / most).clamp(0.0, 1.0)) as i32;
            root.draw(&Rectangle::new(
                [(left, top + at), (left + width.max(1), top + at + height)],
                colour.filled(),
            ))?;
            let amount = number::money(amount, currency);
            root.draw(&Text::new(
                amount,
                (left + width + 6, top + at),
                ("sans-serif", 11).into_font().color(&TEXT),
            ))?;
        }
    }
    root.present()?;
    Ok(())
}
