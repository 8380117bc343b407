//! Neighbouring points merged into blocks, to make a history fit into its evidence.

use crate::snapshot::Point;

/// Merges neighbours two by two: half as many points, each over twice the time.
pub(super) fn halve(points: &[Point]) -> Vec<Point> {
    in_groups(points, 2)
}

/// Merges neighbours so that roughly `limit` bytes of JSON result, judged by the first, middle and last of them: a long history
/// is not written out whole only to learn that it is too long.
pub(super) fn roughly_fitting(points: &[Point], limit: usize) -> Vec<Point> {
    let probes = [points.first(), points.get(points.len() / 2), points.last()];
    let largest = probes
        .into_iter()
        .flatten()
        .filter_map(|point| serde_json::to_vec(point).ok())
        .map(|bytes| bytes.len())
        .max()
        .unwrap_or(0);
    let group = largest.saturating_mul(points.len()).div_ceil(limit.max(1));
    if group <= 1 {
        return points.to_vec();
    }
    in_groups(points, group)
}

fn in_groups(points: &[Point], size: usize) -> Vec<Point> {
    points
        .chunks(size.max(1))
        .filter_map(Point::merge)
        .collect()
}
