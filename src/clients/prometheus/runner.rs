//! Waiting for answers in code that is not asynchronous.

use std::io;
use tokio::runtime::{Builder, Runtime};

/// A runtime of its own: whoever asks for a history may be a thread of another one, which must not wait for a future. The connections
/// live as long as it does.
#[derive(Debug)]
pub struct Runner(Option<Runtime>);

impl Runner {
    /// One thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn new() -> io::Result<Runner> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("history")
            .enable_all()
            .build()?;
        Ok(Runner(Some(runtime)))
    }

    /// Runs a future to its end.
    ///
    /// # Errors
    /// When it panicked.
    pub fn wait<T: Send>(&self, future: impl Future<Output = T> + Send) -> io::Result<T> {
        let broken = || io::Error::other("reading the history broke off");
        let runtime = self.0.as_ref().ok_or_else(broken)?;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| runtime.block_on(future));
            waiting.join().map_err(|_| broken())
        })
    }
}

impl Drop for Runner {
    /// A runtime's thread must not wait for another runtime's end.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
