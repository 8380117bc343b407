//! The times that are asked for, and the values at them.

/// Equal steps: a point of the history each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// End of the first step, Unix milliseconds; a multiple of the step.
    pub first_ms: i64,
    /// Length of a step, milliseconds; > 0.
    pub step_ms: i64,
    /// How many.
    pub len: usize,
}

impl Grid {
    /// The steps that lie wholly within a time. They stand on multiples of the step, so that every run asks for the same ones and a
    /// store can answer from its cache.
    pub fn within(from_ms: i64, to_ms: i64, step_ms: i64) -> Grid {
        let step_ms = step_ms.max(1);
        let last = to_ms.div_euclid(step_ms) * step_ms;
        let first = (from_ms.saturating_add(step_ms - 1)).div_euclid(step_ms) * step_ms + step_ms;
        let len = if last < first {
            0
        } else {
            usize::try_from((last - first) / step_ms + 1).unwrap_or(0)
        };
        Grid {
            first_ms: first,
            step_ms,
            len,
        }
    }

    /// The end of a step, Unix milliseconds.
    pub fn end_ms(&self, index: usize) -> i64 {
        self.first_ms
            + i64::try_from(index)
                .unwrap_or(i64::MAX / 2)
                .saturating_mul(self.step_ms)
    }

    /// (Step, value) of (Unix seconds, value): those that stand at a step's end and are numbers.
    pub fn placed(&self, values: &[(f64, f64)]) -> Vec<(u32, f32)> {
        values
            .iter()
            .filter(|(_, value)| value.is_finite())
            .filter_map(|(time, value)| {
                Some((u32::try_from(self.index_of(*time)?).ok()?, *value as f32))
            })
            .collect()
    }

    /// Which step ends at a time, in Unix seconds; none for a time between.
    pub fn index_of(&self, seconds: f64) -> Option<usize> {
        let steps = (seconds * 1000.0 - self.first_ms as f64) / self.step_ms as f64;
        let nearest = steps.round();
        let inside = nearest >= 0.0 && (nearest as usize) < self.len;
        (inside && (steps - nearest).abs() < 0.01).then_some(nearest as usize)
    }
}

/// One value a step, to seven digits (a counter of checkpoints is exact up to sixteen million); a missing one is not a number, as are those that a store gives as infinite or not a number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column(Vec<f32>);

impl Column {
    /// The value at a step.
    pub fn at(&self, index: usize) -> Option<f64> {
        self.0
            .get(index)
            .copied()
            .filter(|value| value.is_finite())
            .map(f64::from)
    }

    /// Puts one in. Of several for the same step the largest stays.
    pub fn put(&mut self, len: usize, index: usize, value: f32) {
        if !value.is_finite() || index >= len {
            return;
        }
        if self.0.is_empty() {
            self.0 = vec![f32::NAN; len];
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = place.max(value);
        }
    }

    /// The last step that has a value.
    pub fn last(&self) -> Option<usize> {
        self.0.iter().rposition(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lie_wholly_within_a_time() {
        let table = [
            (0, 100, 10, 10, 10),
            (1, 99, 10, 20, 8),
            (5, 14, 10, 20, 0),
            (-25, 5, 10, -10, 2),
        ];
        for (from, to, step, first, len) in table {
            let grid = Grid::within(from, to, step);
            assert_eq!((grid.first_ms, grid.len), (first, len), "{from} to {to}");
        }
    }

    #[test]
    fn values_are_put_where_their_time_is() {
        let grid = Grid::within(0, 60_000, 20_000);
        assert_eq!(grid.index_of(20.0), Some(0));
        assert_eq!(grid.index_of(60.0), Some(2));
        assert_eq!(
            (grid.index_of(30.0), grid.index_of(80.0), grid.index_of(0.0)),
            (None, None, None)
        );
        let mut column = Column::default();
        assert_eq!((column.at(0), column.last()), (None, None));
        for (index, value) in [
            (1, 2.0),
            (1, 1.0),
            (0, f32::NAN),
            (0, f32::INFINITY),
            (9, 1.0),
        ] {
            column.put(grid.len, index, value);
        }
        assert_eq!(
            (column.at(0), column.at(1), column.last()),
            (None, Some(2.0), Some(1))
        );
    }
}
