//! Gauss-Legendre quadrature.

/// Nodes and weights on [low, high], by Newton's method on the Legendre polynomial.
pub(crate) fn gauss_legendre(count: usize, low: f64, high: f64) -> Vec<(f64, f64)> {
    let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0);
    (0..count)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (count as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (value, derivative) = legendre(count, x);
                slope = derivative;
                let step = value / derivative;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (
                middle - half * x,
                half * 2.0 / ((1.0 - x * x) * slope * slope),
            )
        })
        .collect()
}

/// The Legendre polynomial of degree n and its derivative.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut previous, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (previous, value) = (
            value,
            ((2.0 * k - 1.0) * x * value - (k - 1.0) * previous) / k,
        );
    }
    (value, n as f64 * (x * value - previous) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_polynomials_exactly() {
        let total: f64 = gauss_legendre(6, 0.0, 2.0)
            .iter()
            .map(|(x, w)| w * x.powi(7))
            .sum();
        assert!((total - 32.0).abs() < 1e-12);
    }
}
