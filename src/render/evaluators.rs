//! What each evaluator would do with a job: rows for a pull request, lines for a terminal.

use super::escape::{code, sentence, terminal};
use super::number;
use super::template::safe;
use crate::recommend::{Opinion, Says, SideBySide};
use minijinja::{Value, context};

/// Rows of a table of four narrow columns, and a sentence for each of them, escaped for Markdown.
pub(super) fn rows(all: &SideBySide) -> Vec<Value> {
    let row = |opinion: &Opinion| {
        let [slots, memory, cost] = cells(opinion, &all.currency);
        context! {
            name => safe(code(&opinion.evaluator)),
            slots => safe(slots),
            memory => safe(memory),
            cost => safe(cost),
            message => safe(sentence(&opinion.message)),
            differs => safe(if opinion.differs.is_empty() {
                String::new()
            } else {
                sentence(&format!("Why ours differs: {}", opinion.differs))
            }),
        }
    };
    all.opinions.iter().map(row).collect()
}

/// TaskManagers × slots, memory of each, cost a month.
fn cells(opinion: &Opinion, currency: &str) -> [String; 3] {
    let Some(size) = opinion
        .size
        .as_ref()
        .filter(|_| opinion.says != Says::Nothing)
    else {
        return ["–".to_owned(), "–".to_owned(), "–".to_owned()];
    };
    [
        format!("{} × {}", size.task_managers, size.slots_per_task_manager),
        number::bytes(size.memory_bytes as f64),
        opinion
            .per_month
            .map_or_else(String::new, |cost| number::money(cost, currency)),
    ]
}

/// The same as aligned lines for a terminal, control characters taken out.
pub fn text(all: &SideBySide) -> String {
    let mut out = String::new();
    for opinion in &all.opinions {
        let [slots, memory, cost] = cells(opinion, &all.currency);
        out.push_str(&format!(
            "  {:<18} {slots:>8} {memory:>10} {cost:>12}  {}\n",
            terminal(&opinion.evaluator),
            terminal(&opinion.message)
        ));
        if !opinion.differs.is_empty() {
            out.push_str(&format!(
                "  {:<18} ours differs: {}\n",
                "",
                terminal(&opinion.differs)
            ));
        }
        for note in &opinion.notes {
            out.push_str(&format!("  {:<18} note: {}\n", "", terminal(note)));
        }
    }
    out
}
