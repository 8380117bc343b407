//! Jobs side by side on all cores, each for itself: one that panics is one line.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The name of the threads on which jobs are worked on.
pub const THREAD: &str = "pass";

/// Works on each of these, several at once on all cores, and gives the results in their order. Where work on one panics, its result is the
/// sentence that says so.
pub(super) fn side_by_side<J: Sync, T: Send>(
    all: &[J],
    work: impl Fn(&J) -> T + Sync,
) -> Vec<Result<T, String>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    on(threads.min(all.len()), all, &work)
}

fn on<J: Sync, T: Send>(
    threads: usize,
    all: &[J],
    work: &(impl Fn(&J) -> T + Sync),
) -> Vec<Result<T, String>> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(place) else {
                return done;
            };
            done.push((place, contained(|| work(one))));
        }
    };
    let mut results: Vec<Option<Result<T, String>>> = all.iter().map(|_| None).collect();
    let done: Vec<(usize, Result<T, String>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map_while(|_| {
                let named = thread::Builder::new().name(THREAD.to_string());
                named.spawn_scoped(scope, some).ok()
            })
            .collect();
        // Where the system gives no thread, this one does the work.
        let mut done = if workers.is_empty() {
            some()
        } else {
            Vec::new()
        };
        for worker in workers {
            done.extend(worker.join().unwrap_or_default());
        }
        done
    });
    for (place, result) in done {
        if let Some(kept) = results.get_mut(place) {
            *kept = Some(result);
        }
    }
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(|| Err(sentence(&"its thread ended early"))))
        .collect()
}

/// The result of work, or the sentence that says that it panicked.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| sentence(panic.as_ref()))
}

/// What a panic comes to for people.
pub(super) fn sentence(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_string());
    format!(
        "a fault in Plimsoll stopped it: {said}; the other jobs go on; please report it with the output of -v"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_panic_stays_with_its_job() {
        let jobs: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7] {
            let done = on(threads, &jobs, &|job: &u32| {
                assert!(!job.is_multiple_of(30), "planted in {job}");
                job * 2
            });
            assert_eq!(done.len(), jobs.len());
            for (job, result) in jobs.iter().zip(&done) {
                match result {
                    Ok(twice) => assert_eq!(*twice, job * 2),
                    Err(why) => assert!(why.contains(&format!("planted in {job};")), "{why}"),
                }
                assert_eq!(result.is_err(), job.is_multiple_of(30));
            }
        }
    }

    #[test]
    fn nothing_to_do_is_done_at_once() {
        assert!(side_by_side(&[] as &[u32], |job| *job).is_empty());
    }
}
