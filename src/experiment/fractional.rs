//! Regular two-level fractions: generators, defining words, resolution, aliases.

use std::collections::BTreeMap;

use crate::statistics::terms::letter;

use super::error::{ExperimentError, Result};
use super::factorial::two_level;

/// A regular fraction.
#[derive(Debug, Clone, PartialEq)]
pub struct Fractional {
    /// Runs x factors in -1 and 1.
    pub matrix: Vec<Vec<f64>>,
    /// Length of the shortest defining word; `None` for a full factorial.
    pub resolution: Option<usize>,
    /// Words whose column is constant, as factor letters; a leading `-` when it is -1.
    pub defining_words: Vec<String>,
    /// How many defining words have each length.
    pub word_lengths: BTreeMap<usize, usize>,
    /// For each main effect and two-factor interaction its aliases of at most two factors.
    pub aliases: BTreeMap<String, Vec<String>>,
}

/// A set of factors (bits) with a sign.
type Word = (u64, bool);

/// Builds the fraction that `generators` describe, e.g. `a b c ab -ac`: single letters are base
/// factors, longer words are products of base factors, `-` flips the sign.
///
/// # Errors
/// [`ExperimentError::BadGenerator`] when a word is empty, holds another sign, repeats a base factor
/// or uses a letter that is no base factor.
pub fn fractional(generators: &str) -> Result<Fractional> {
    let words: Vec<&str> = generators.split_whitespace().collect();
    let mut base: Vec<char> = Vec::new();
    for word in &words {
        let letters: Vec<char> = word.trim_start_matches(['-', '+']).chars().collect();
        if letters.len() == 1 && !base.contains(&letters[0]) {
            base.push(letters[0]);
        }
    }
    base.sort_unstable();
    if words.is_empty() || words.len() > 40 || base.len() > 16 {
        return Err(bad(
            generators,
            "1 to 40 factors on at most 16 base factors are possible",
        ));
    }
    let columns = words
        .iter()
        .map(|word| read(word, &base))
        .collect::<Result<Vec<Word>>>()?;
    let matrix = two_level(base.len())?
        .iter()
        .map(|row| {
            columns
                .iter()
                .map(|(mask, negative)| {
                    let product: f64 = row
                        .iter()
                        .enumerate()
                        .filter(|(j, _)| mask >> j & 1 == 1)
                        .map(|(_, v)| v)
                        .product();
                    if *negative { -product } else { product }
                })
                .collect()
        })
        .collect();
    let subgroup = defining_subgroup(&columns, base.len())?;
    let mut word_lengths = BTreeMap::new();
    for (mask, _) in &subgroup {
        *word_lengths.entry(mask.count_ones() as usize).or_insert(0) += 1;
    }
    Ok(Fractional {
        matrix,
        resolution: word_lengths.keys().next().copied(),
        defining_words: subgroup.iter().map(name).collect(),
        word_lengths,
        aliases: aliases(&subgroup, words.len()),
    })
}

/// Signs flipped in every run: added to a resolution-III fraction it clears main effects from
/// two-factor interactions.
#[must_use]
pub fn fold_over(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let flipped = matrix.iter().map(|row| row.iter().map(|v| -v).collect());
    matrix.iter().cloned().chain(flipped).collect()
}

fn bad(generator: &str, reason: &'static str) -> ExperimentError {
    ExperimentError::BadGenerator {
        generator: generator.to_owned(),
        reason,
    }
}

fn read(word: &str, base: &[char]) -> Result<Word> {
    let negative = word.starts_with('-');
    let letters = word.trim_start_matches(['-', '+']);
    let mut mask = 0u64;
    for c in letters.chars() {
        let bit = base
            .iter()
            .position(|b| *b == c)
            .ok_or_else(|| bad(word, "a letter is not a base factor"))?;
        mask ^= 1 << bit;
    }
    if mask == 0 {
        return Err(bad(word, "it is constant"));
    }
    Ok((mask, negative))
}

/// All products of factors that are constant: first one word for each added factor, then all
/// products of those.
fn defining_subgroup(columns: &[Word], base: usize) -> Result<Vec<Word>> {
    // The first factor that is exactly one base letter stands for it.
    let mut holder: Vec<Option<(usize, bool)>> = vec![None; base];
    for (factor, (mask, negative)) in columns.iter().enumerate() {
        let bit = mask.trailing_zeros() as usize;
        if mask.count_ones() == 1 && holder[bit].is_none() {
            holder[bit] = Some((factor, *negative));
        }
    }
    let mut independent: Vec<Word> = Vec::new();
    for (factor, (mask, negative)) in columns.iter().enumerate() {
        let stands = holder.iter().flatten().any(|(f, _)| *f == factor);
        if !stands {
            let mut word = (1u64 << factor, *negative);
            for (_, held) in holder
                .iter()
                .enumerate()
                .filter(|(bit, _)| mask >> bit & 1 == 1)
            {
                let (f, sign) = held.ok_or_else(|| bad("base", "a base factor is missing"))?;
                word = (word.0 ^ 1 << f, word.1 ^ sign);
            }
            independent.push(word);
        }
    }
    if independent.len() > 16 {
        return Err(bad(
            "fraction",
            "it has more than 16 added factors; use Plackett-Burman",
        ));
    }
    let mut subgroup: Vec<Word> = (1u64..1 << independent.len())
        .map(|pick| {
            let chosen = independent
                .iter()
                .enumerate()
                .filter(|(i, _)| pick >> i & 1 == 1);
            chosen.fold((0, false), |word, (_, (mask, sign))| {
                (word.0 ^ mask, word.1 ^ sign)
            })
        })
        .collect();
    subgroup.sort_by_key(order);
    Ok(subgroup)
}

/// Short words first, then by letters.
fn order(word: &Word) -> (u32, std::cmp::Reverse<u64>) {
    (
        word.0.count_ones(),
        std::cmp::Reverse(word.0.reverse_bits()),
    )
}

fn name(word: &Word) -> String {
    let letters: String = (0..64)
        .filter(|j| word.0 >> j & 1 == 1)
        .map(letter)
        .collect();
    if word.1 {
        format!("-{letters}")
    } else {
        letters
    }
}

fn aliases(subgroup: &[Word], factors: usize) -> BTreeMap<String, Vec<String>> {
    let single = (0..factors).map(|i| 1u64 << i);
    let pairs = (0..factors).flat_map(|i| (i + 1..factors).map(move |j| 1u64 << i | 1u64 << j));
    single
        .chain(pairs)
        .map(|effect| {
            let mut found: Vec<Word> = subgroup
                .iter()
                .map(|(mask, sign)| (effect ^ mask, *sign))
                .filter(|(mask, _)| (1..=2).contains(&mask.count_ones()))
                .collect();
            found.sort_by_key(order);
            (name(&(effect, false)), found.iter().map(name).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_orthogonal_and_signs_are_kept() {
        let design = fractional("a b c -ab ac").unwrap();
        assert_eq!(design.defining_words[0], "-ABD");
        assert_eq!(design.aliases["D"], ["-AB"]);
        for i in 0..5 {
            for j in 0..i {
                let dot: f64 = design.matrix.iter().map(|row| row[i] * row[j]).sum();
                assert_eq!(dot, 0.0);
            }
        }
        assert_eq!(fractional("a b c").unwrap().resolution, None);
    }

    #[test]
    fn folding_over_lifts_resolution_three() {
        let folded = fold_over(&fractional("a b ab").unwrap().matrix);
        let clear: f64 = folded.iter().map(|row| row[2] * row[0] * row[1]).sum();
        assert_eq!(clear, 0.0);
    }

    #[test]
    fn unreadable_generators_are_refused() {
        for text in ["", "a b ac", "a b aa", "a b -"] {
            assert!(
                matches!(fractional(text), Err(ExperimentError::BadGenerator { .. })),
                "{text}"
            );
        }
    }
}
