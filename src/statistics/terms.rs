//! Terms of a model (`A`, `A:B`, `A^2`) and the matrix they make of the data.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::DMatrix;

use super::error::{Result, StatisticsError, require};

/// One column of the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers, one a run.
    Numeric(Vec<f64>),
    /// Labels, one a run; coded with sum-to-zero contrasts, levels in text order, the last is -1.
    Categorical(Vec<String>),
}

impl Column {
    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categorical(labels) => labels.len(),
        }
    }
}

/// The data by column name.
pub type Columns = BTreeMap<String, Column>;

/// A product of powers of columns; the empty product is the intercept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    text: String,
    powers: Vec<(String, u32)>,
}

impl Term {
    /// Reads `1`, `A`, `A:B`, `A^2` or a product such as `A^2:B`.
    ///
    /// # Errors
    /// [`StatisticsError::BadTerm`] when the text is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || StatisticsError::BadTerm {
            term: text.to_owned(),
        };
        let trimmed = text.trim();
        if trimmed == "1" {
            return Ok(Self {
                text: "1".to_owned(),
                powers: Vec::new(),
            });
        }
        let mut powers = Vec::new();
        for part in trimmed.split(':') {
            let (name, power) = match part.split_once('^') {
                Some((name, power)) => (name.trim(), power.trim().parse().map_err(|_| bad())?),
                None => (part.trim(), 1),
            };
            if name.is_empty() || power == 0 {
                return Err(bad());
            }
            powers.push((name.to_owned(), power));
        }
        Ok(Self {
            text: trimmed.to_owned(),
            powers,
        })
    }

    /// The text as written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text
    }

    /// Columns and their powers.
    #[must_use]
    pub fn powers(&self) -> &[(String, u32)] {
        &self.powers
    }

    /// Whether this is the constant.
    #[must_use]
    pub fn is_intercept(&self) -> bool {
        self.powers.is_empty()
    }

    /// The parts by which marginality is judged: `A:B` contains `A`; `A^2` is a factor of its own.
    fn parts(&self) -> BTreeSet<(&str, u32)> {
        self.powers
            .iter()
            .map(|(name, power)| (name.as_str(), *power))
            .collect()
    }

    /// Whether this term contains `other` (and is not `other`).
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.parts() != other.parts() && self.parts().is_superset(&other.parts())
    }
}

/// Reads a list of terms.
///
/// # Errors
/// [`StatisticsError::BadTerm`].
pub fn parse_terms<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Term>> {
    texts
        .iter()
        .map(|text| Term::parse(text.as_ref()))
        .collect()
}

/// Columns `A`, `B`, `C`, ... of points given as rows.
///
/// # Errors
/// When rows differ in length or hold a value that is not finite.
pub fn lettered_columns(points: &[Vec<f64>]) -> Result<Columns> {
    let width = points.first().map_or(0, Vec::len);
    let mut columns = Columns::new();
    for row in points {
        super::error::require_same_length("point", row.len(), "first point", width)?;
        require("point", row, 1)?;
    }
    for j in 0..width {
        columns.insert(
            letter(j),
            Column::Numeric(points.iter().map(|row| row[j]).collect()),
        );
    }
    Ok(columns)
}

/// The name of factor `j`: `A` to `Z`, then `A1`, `B1`, ...
#[must_use]
pub fn letter(j: usize) -> String {
    let base = char::from(b'A' + (j % 26) as u8);
    if j < 26 {
        base.to_string()
    } else {
        format!("{base}{}", j / 26)
    }
}

/// The columns a list of terms makes of data, with the term each column came from.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelMatrix {
    /// Name of each column: the term, with the level in brackets for labels.
    pub names: Vec<String>,
    /// The terms, the intercept first when there is one.
    pub terms: Vec<Term>,
    /// For each column the index of its term.
    pub term_of: Vec<usize>,
    /// Runs x columns.
    pub x: DMatrix<f64>,
}

impl ModelMatrix {
    /// Builds the matrix; `intercept` puts a constant first unless the terms already hold `1`.
    ///
    /// # Errors
    /// Unknown columns, columns of unequal length, values that are not finite, no runs.
    pub fn new(columns: &Columns, terms: &[Term], intercept: bool) -> Result<Self> {
        let runs = columns.values().map(Column::runs).next().unwrap_or(0);
        if runs == 0 {
            return Err(StatisticsError::Empty {
                what: "runs",
                needed: 1,
            });
        }
        let mut all: Vec<Term> = Vec::new();
        if intercept && !terms.iter().any(Term::is_intercept) {
            all.push(Term {
                text: "1".to_owned(),
                powers: Vec::new(),
            });
        }
        all.extend(terms.iter().cloned());
        let (mut names, mut term_of, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (index, term) in all.iter().enumerate() {
            for (name, column) in expand(term, columns, runs)? {
                names.push(name);
                term_of.push(index);
                values.extend(column);
            }
        }
        let x = DMatrix::from_vec(runs, names.len(), values);
        Ok(Self {
            names,
            terms: all,
            term_of,
            x,
        })
    }

    /// The matrix of points given as rows, with columns named `A`, `B`, ...
    ///
    /// # Errors
    /// As [`ModelMatrix::new`].
    pub fn of_points(points: &[Vec<f64>], terms: &[Term]) -> Result<Self> {
        Self::new(&lettered_columns(points)?, terms, false)
    }

    /// The columns that belong to the terms `keep` accepts.
    #[must_use]
    pub fn only(&self, keep: impl Fn(usize) -> bool) -> DMatrix<f64> {
        let chosen: Vec<usize> = (0..self.names.len())
            .filter(|&j| keep(self.term_of[j]))
            .collect();
        self.x.select_columns(&chosen)
    }

    /// Whether a constant is among the terms.
    #[must_use]
    pub fn has_intercept(&self) -> bool {
        self.terms.iter().any(Term::is_intercept)
    }
}

/// The columns of one term: the product over its parts, labels expanded to contrasts.
fn expand(term: &Term, columns: &Columns, runs: usize) -> Result<Vec<(String, Vec<f64>)>> {
    let mut made = vec![(String::new(), vec![1.0; runs])];
    for (name, power) in &term.powers {
        let column = columns
            .get(name)
            .ok_or_else(|| StatisticsError::UnknownColumn {
                term: term.text.clone(),
                column: name.clone(),
            })?;
        super::error::require_same_length("column", column.runs(), "first column", runs)?;
        let coded = coded_columns(name, *power, column)?;
        made = made
            .iter()
            .flat_map(|(label, left)| {
                coded.iter().map(move |(part, right)| {
                    let product = left.iter().zip(right).map(|(a, b)| a * b).collect();
                    let joint = if label.is_empty() {
                        part.clone()
                    } else {
                        format!("{label}:{part}")
                    };
                    (joint, product)
                })
            })
            .collect();
    }
    if made.len() == 1 {
        made[0].0 = term.text.clone();
    }
    Ok(made)
}

fn coded_columns(name: &str, power: u32, column: &Column) -> Result<Vec<(String, Vec<f64>)>> {
    match column {
        Column::Numeric(values) => {
            require("column", values, 1)?;
            let raised = values.iter().map(|v| v.powi(power as i32)).collect();
            let label = if power == 1 {
                name.to_owned()
            } else {
                format!("{name}^{power}")
            };
            Ok(vec![(label, raised)])
        }
        Column::Categorical(labels) => {
            let levels: Vec<&String> = labels.iter().collect::<BTreeSet<_>>().into_iter().collect();
            let Some((last, coded)) = levels.split_last().filter(|(_, rest)| !rest.is_empty())
            else {
                return Err(StatisticsError::OneLevel {
                    factor: name.to_owned(),
                });
            };
            Ok(coded
                .iter()
                .map(|level| {
                    let contrast = |label: &String| {
                        if label == *level {
                            1.0
                        } else if label == *last {
                            -1.0
                        } else {
                            0.0
                        }
                    };
                    (
                        format!("{name}[{level}]"),
                        labels.iter().map(contrast).collect(),
                    )
                })
                .collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_and_refused() {
        assert!(
            Term::parse("A:B")
                .unwrap()
                .contains(&Term::parse("A").unwrap())
        );
        assert!(
            !Term::parse("A^2")
                .unwrap()
                .contains(&Term::parse("A").unwrap())
        );
        for bad in ["", "A:", "A^0", "A^x"] {
            assert!(Term::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_become_sum_to_zero_contrasts() {
        let labels = ["a", "b", "c"].map(str::to_owned).to_vec();
        let columns = Columns::from([("g".to_owned(), Column::Categorical(labels))]);
        let model = ModelMatrix::new(&columns, &parse_terms(&["g"]).unwrap(), true).unwrap();
        assert_eq!(model.names, ["1", "g[a]", "g[b]"]);
        assert_eq!(
            model.x.row(2).iter().copied().collect::<Vec<_>>(),
            [1.0, -1.0, -1.0]
        );
        assert!(matches!(
            ModelMatrix::new(&columns, &parse_terms(&["h"]).unwrap(), true),
            Err(StatisticsError::UnknownColumn { .. })
        ));
    }
}
