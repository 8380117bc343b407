//! Inputs that are nearly right.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The longest input, bytes.
const LONGEST: usize = 16 * 1024;

/// What readers stumble over.
const WORDS: [&[u8]; 34] = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x92\xa9",
    b"\r\n",
    b"\t",
    b"\n---\n",
    b"\n...\n",
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"!!binary ",
    b"? ",
    b"- - - ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"|\n",
    b">-\n",
    b"#",
    b": ",
    b"NaN",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"0x7f",
    b"null",
    b"{{ .Values.x }}",
    b"../../",
    b"sha256:",
    b"\\ud800",
];

/// A course of spoilt inputs.
pub struct Spoil<'a> {
    dice: ChaCha8Rng,
    corpus: &'a [Vec<u8>],
}

impl<'a> Spoil<'a> {
    pub fn new(seed: u64, corpus: &'a [Vec<u8>]) -> Spoil<'a> {
        Spoil {
            dice: ChaCha8Rng::seed_from_u64(seed),
            corpus,
        }
    }

    pub fn next(&mut self) -> Vec<u8> {
        let mut input = self.one().to_vec();
        for _ in 0..self.dice.random_range(1..6) {
            self.once(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn one(&mut self) -> &'a [u8] {
        &self.corpus[self.dice.random_range(0..self.corpus.len())]
    }

    fn once(&mut self, input: &mut Vec<u8>) {
        let at = self.dice.random_range(0..=input.len());
        let to = (at + self.dice.random_range(0..40)).min(input.len());
        match self.dice.random_range(0..8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.dice.random_range(0..8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.dice.random();
                }
            }
            2 | 3 => {
                let word = WORDS[self.dice.random_range(0..WORDS.len())];
                input.splice(at..at, word.iter().copied());
            }
            4 => {
                input.drain(at..to);
            }
            5 => {
                let again = input[at..to].to_vec();
                input.splice(at..at, again);
            }
            6 => {
                let other = self.one();
                let from = self.dice.random_range(0..=other.len());
                let end = (from + self.dice.random_range(0..200)).min(other.len());
                input.splice(at..to, other[from..end].iter().copied());
            }
            _ => input.truncate(at),
        }
    }
}
