//! What a size carries, by two models: the vertices' true rates scaled to it, and the experiments' model of the job's past sizes. The
//! surer one counts, and both are shown.

use super::Size;
use super::carrying::Capacity;
use super::job::Job;
use super::past::Past;

/// Past sizes from which their model speaks of scaling: at one size alone it knows a level, and the vertices know theirs better.
const SIZES_TO_SPEAK: usize = 2;

/// Both models on one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Opinion {
    /// The vertex that carries least, in records/s of the sources together; none where no vertex was measured.
    pub(super) vertices: Option<Capacity>,
    /// The highest probability of a vertex to be short, 0..=1.
    vertices_short: f64,
    /// What the past sizes say, with its probability to be short.
    pub(super) past: Option<(Capacity, f64)>,
    /// Whether the past counts.
    pub(super) past_counts: bool,
}

impl Opinion {
    /// Probability that the size can't carry what it must, by the model that counts, 0..=1.
    pub(super) fn probability_short(&self) -> f64 {
        match self.past {
            Some((_, short)) if self.past_counts => short,
            _ => self.vertices_short,
        }
    }

    /// Capacity by the model that counts; none where nothing was measured.
    pub(super) fn capacity(&self) -> Option<Capacity> {
        match self.past {
            Some((capacity, _)) if self.past_counts => Some(capacity),
            _ => self.vertices,
        }
    }

    /// Records/s of the sources together that it carries, expected; infinite where nothing was measured.
    pub(super) fn carries(&self) -> f64 {
        self.capacity()
            .map_or(f64::INFINITY, |capacity| capacity.rate)
    }
}

impl Job<'_> {
    /// Both models on a size.
    pub(super) fn opinion(&self, size: &Size) -> Opinion {
        let ratio = f64::from(size.slots_per_task_manager)
            / f64::from(self.present.size.slots_per_task_manager.max(1));
        let own = |id: &str| {
            size.vertex_parallelism
                .get(id)
                .copied()
                .unwrap_or(size.parallelism)
        };
        let vertices = self.tightest(own, ratio);
        let past = self.past.as_ref().ok().map(|past| {
            let capacity = past.capacity(size);
            (capacity, capacity.probability_below(self.required))
        });
        let surer = |past: &Past| {
            past.sizes >= SIZES_TO_SPEAK
                && self.is_told_by_parallelism(size)
                && matches!((past.capacity(size), vertices), (one, Some(other)) if one.sd_ln < other.sd_ln)
        };
        Opinion {
            vertices,
            vertices_short: self.probability_short(self.required, own, ratio),
            past,
            past_counts: self.past.as_ref().is_ok_and(surer),
        }
    }

    /// Whether one parallelism tells the whole job: no vertex has its own, none is capped or hot.
    fn is_told_by_parallelism(&self, size: &Size) -> bool {
        let plain = |of: &Size| of.vertex_parallelism.is_empty();
        plain(size)
            && plain(&self.present.size)
            && self.cap.is_none()
            && self
                .carriers
                .iter()
                .all(|carrier| carrier.spread.hot == 0.0 && !carrier.fixed)
    }
}
