//! Answers of servers that may be anybody, read as they come: whatever a server sends, no more of it is in memory than a piece, the value that is
//! being read, and what the type keeps.

use super::{Pieces, RestError};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::io::{self, BufReader, Read};
use tokio::sync::mpsc::{Receiver, channel};

/// So much of an answer is gathered before reading begins, bytes: most end before it.
pub(super) const GATHERED: usize = 256 * 1024;
/// Pieces that wait for the reader.
const WAITING: usize = 2;
/// What is read ahead, bytes.
const AHEAD: usize = 16 * 1024;
/// A text at most, bytes. The longest is a plan that is wrapped as a text.
const LONGEST_TEXT: usize = 1 << 20;
/// A number, or any other word, at most, bytes.
const LONGEST_WORD: usize = 1024;
/// Lists and objects within each other.
const DEEPEST: usize = 128;

/// How much of an answer is read, bytes. Lists of metric names are the longest: a name for each metric of each subtask; values are asked for by
/// name, a request line at a time.
pub(in crate::clients) fn limit_of(path_and_query: &str) -> usize {
    let mib = |count: usize| count << 20;
    match path_and_query.split_once('?') {
        Some(_) => mib(1),
        None if path_and_query.ends_with("/metrics") => mib(16),
        None if path_and_query.contains("/vertices/") => mib(8),
        None if path_and_query.starts_with("/taskmanagers") => mib(8),
        None if path_and_query.starts_with("/jobs") => mib(4),
        None => mib(2),
    }
}

/// The beginning of an answer, and whether that is all of it.
pub(super) async fn gathered(answer: &mut Pieces<'_>) -> Result<(Vec<u8>, bool), RestError> {
    let mut beginning = Vec::new();
    while beginning.len() < GATHERED {
        match answer.body.next().await {
            Some(piece) => beginning.extend_from_slice(&piece?),
            None => return Ok((beginning, true)),
        }
    }
    Ok((beginning, false))
}

/// The document of an answer that goes on after this beginning. Reading blocks on what has not come yet, so it happens on a thread of its own,
/// which ends with the answer, or with whoever waits for it.
///
/// # Errors
/// The outer error is the transport's, the inner one that of the document.
pub(super) async fn parsed<T: DeserializeOwned + Send + 'static>(
    beginning: Vec<u8>,
    rest: &mut Pieces<'_>,
) -> Result<Result<T, serde_json::Error>, RestError> {
    let (sender, receiver) = channel(WAITING);
    let source = beginning_then(beginning, receiver);
    let reading = tokio::task::spawn_blocking(move || {
        serde_json::from_reader(BufReader::with_capacity(AHEAD, source))
    });
    while let Some(piece) = rest.body.next().await {
        if sender.send(piece?).await.is_err() {
            break; // The reader has refused it.
        }
    }
    drop(sender);
    let broken = |error| serde_json::Error::io(io::Error::other(error));
    Ok(reading.await.unwrap_or_else(|error| Err(broken(error))))
}

fn beginning_then(beginning: Vec<u8>, later: Receiver<Vec<u8>>) -> Guarded<Arriving> {
    Guarded {
        inner: Arriving {
            later,
            piece: beginning,
            at: 0,
        },
        shape: Shape::default(),
    }
}

/// The pieces of an answer as a reader.
struct Arriving {
    later: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Arriving {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.later.blocking_recv() {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let left = &self.piece[self.at..];
        let length = left.len().min(out.len());
        out[..length].copy_from_slice(&left[..length]);
        self.at += length;
        Ok(length)
    }
}

/// A reader that refuses what would make a parser keep much: a parser holds a text, a word and the open brackets until they end.
struct Guarded<R> {
    inner: R,
    shape: Shape,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(out)?;
        for byte in &out[..length] {
            self.shape.take(*byte).map_err(io::Error::other)?;
        }
        Ok(length)
    }
}

/// Where in a document a byte is.
#[derive(Default)]
struct Shape {
    deep: usize,
    in_text: bool,
    escaped: bool,
    /// Bytes of the text or word so far.
    long: usize,
}

impl Shape {
    fn take(&mut self, byte: u8) -> Result<(), &'static str> {
        self.long += 1;
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return match self.long <= LONGEST_TEXT {
                true => Ok(()),
                false => Err("it holds a text longer than is read"),
            };
        }
        match byte {
            b'"' => (self.in_text, self.long) = (true, 0),
            b'[' | b'{' => {
                self.long = 0;
                self.deep += 1;
                if self.deep > DEEPEST {
                    return Err("it is nested deeper than is read");
                }
            }
            b']' | b'}' => {
                self.long = 0;
                self.deep = self.deep.saturating_sub(1);
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => self.long = 0,
            _ if self.long > LONGEST_WORD => return Err("it holds a number longer than is read"),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn pieces(text: &[u8], size: usize) -> Pieces<'static> {
        let cut: Vec<Result<Vec<u8>, RestError>> =
            text.chunks(size).map(|piece| Ok(piece.to_vec())).collect();
        Pieces {
            status: 200,
            body: futures::stream::iter(cut).boxed(),
        }
    }

    async fn read(text: &str, size: usize) -> Result<Value, serde_json::Error> {
        let mut answer = pieces(text.as_bytes(), size);
        let first = answer.body.next().await.unwrap_or(Ok(Vec::new())).unwrap();
        parsed(first, &mut answer).await.unwrap()
    }

    #[tokio::test]
    async fn a_document_is_the_same_wherever_it_is_cut() {
        for text in [
            r#"{"a": [1, -2, 3.5, 1e300, true, null, "x\u00e9\"]é\\"], "b": {"c": {}}, "a2": []}"#,
            "[]",
            "\"x\"",
            " 3 ",
        ] {
            let whole: Value = serde_json::from_str(text).unwrap();
            for size in 1..=text.len() {
                assert_eq!(read(text, size).await.unwrap(), whole, "{size}");
            }
        }
        for text in ["", "{", "[1,]", "{} x", "\u{0}", "NaN"] {
            assert!(read(text, 1).await.is_err(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_a_parser_would_hold_is_refused_while_it_is_read() {
        let text = format!("\"{}\"", "\\n".repeat(LONGEST_TEXT));
        let number = "1".repeat(2 * LONGEST_WORD);
        let deep = "[".repeat(DEEPEST + 1);
        for (hostile, why) in [
            (text, "text longer"),
            (number, "number longer"),
            (deep, "nested deeper"),
        ] {
            let error = read(&hostile, 1 << 16).await.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let long = format!("\"{}\"", "x".repeat(LONGEST_TEXT - 1));
        assert!(read(&long, 1 << 16).await.is_ok());
        let wide = format!("[{}0]", "0,".repeat(1 << 16));
        assert!(read(&wide, 1 << 10).await.is_ok());
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_the_transports_error() {
        let broken = RestError::Truncated {
            url: "http://x".into(),
            reason: "gone".into(),
        };
        let mut answer = Pieces {
            status: 200,
            body: futures::stream::iter([Ok(b"[1,".to_vec()), Err(broken.clone())]).boxed(),
        };
        let ended = parsed::<Value>(b"[".to_vec(), &mut answer).await;
        assert_eq!(ended.unwrap_err(), broken);
    }
}
