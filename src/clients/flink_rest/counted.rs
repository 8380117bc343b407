//! What a look costs.

use super::{Answer, Pieces, Rest, RestError};
use futures::StreamExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A transport that counts what goes over another one.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl<R: Rest> Counted<R> {
    /// Nothing counted yet.
    pub fn new(inner: R) -> Self {
        Counted {
            inner,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of the bodies of all answers so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl<R: Rest> Rest for Counted<R> {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.inner.get(path_and_query).await?;
        self.bytes
            .fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        Ok(answer)
    }

    async fn stream(&self, path_and_query: &str) -> Result<Pieces<'_>, RestError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let Pieces { status, body } = self.inner.stream(path_and_query).await?;
        let counted = body.inspect(|piece| {
            let length = piece.as_ref().map_or(0, Vec::len) as u64;
            self.bytes.fetch_add(length, Ordering::Relaxed);
        });
        Ok(Pieces {
            status,
            body: counted.boxed(),
        })
    }

    fn endpoint(&self) -> String {
        self.inner.endpoint()
    }
}
