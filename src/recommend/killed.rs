//! When tasks died for want of memory, and at which size.

use crate::snapshot::{History, Point, Shape};

/// The points in which tasks died for want of memory, with the sizes at which they did. A point tells the size at its end: where that is a new one, the death
/// was the old one's.
pub(super) fn killed_points(history: &History) -> Vec<(&Point, &Shape)> {
    let mut before: Option<&Point> = None;
    let mut killed = Vec::new();
    for point in &history.points {
        let previous = before.replace(point);
        if point.out_of_memory > 0 {
            killed.push((point, &previous.unwrap_or(point).shape));
        }
    }
    killed
}
