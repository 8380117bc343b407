//! Roots of functions of one variable.

/// Brent's root finder on a bracket (Brent 1973, "Algorithms for Minimization without
/// Derivatives", ch. 4): secant and inverse quadratic steps, bisection when they do not help.
///
/// The caller guarantees that `f(low)` and `f(high)` differ in sign; an end where `f` is zero is
/// returned at once. `tolerance` is absolute, on the argument.
pub(crate) fn brent(f: impl Fn(f64) -> f64, low: f64, high: f64, tolerance: f64) -> f64 {
    let (mut a, mut b) = (low, high);
    let (mut fa, mut fb) = (f(a), f(b));
    if fa == 0.0 {
        return a;
    }
    if fb == 0.0 {
        return b;
    }
    let (mut c, mut fc) = (a, fa);
    for _ in 0..1000 {
        let previous = b - a;
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let least = 2.0 * f64::EPSILON * b.abs() + tolerance / 2.0;
        let mut step = (c - b) / 2.0;
        if step.abs() <= least || fb == 0.0 {
            return b;
        }
        if previous.abs() >= least && fa.abs() > fb.abs() {
            step = interpolated(step, previous, least, (a, fa), (b, fb), (c, fc));
        }
        if step.abs() < least {
            step = if step > 0.0 { least } else { -least };
        }
        (a, fa) = (b, fb);
        b += step;
        fb = f(b);
        if (fb > 0.0) == (fc > 0.0) && fb != 0.0 {
            (c, fc) = (a, fa);
        }
    }
    b
}

/// The interpolation step when it stays inside the bracket, else the bisection step.
fn interpolated(
    bisection: f64,
    previous: f64,
    least: f64,
    (a, fa): (f64, f64),
    (b, fb): (f64, f64),
    (c, fc): (f64, f64),
) -> f64 {
    let cb = c - b;
    let (mut p, mut q);
    if a == c {
        let s = fb / fa;
        p = cb * s;
        q = 1.0 - s;
    } else {
        let (r, s, t) = (fa / fc, fb / fc, fb / fa);
        p = t * (cb * r * (r - s) - (b - a) * (s - 1.0));
        q = (r - 1.0) * (s - 1.0) * (t - 1.0);
    }
    if p > 0.0 {
        q = -q;
    } else {
        p = -p;
    }
    let inside = p < 0.75 * cb * q - (least * q).abs() / 2.0 && p < (previous * q / 2.0).abs();
    if inside { p / q } else { bisection }
}

/// Solves `f(x) = 0` for an increasing `f`, widening the bracket from `start` in both directions.
///
/// Returns `None` when no sign change is found within 60 doublings.
pub(crate) fn increasing_root(f: impl Fn(f64) -> f64, start: f64, width: f64) -> Option<f64> {
    let (mut low, mut high, mut reach) = (start - width, start + width, width);
    for _ in 0..60 {
        if f(low) <= 0.0 {
            break;
        }
        reach *= 2.0;
        low -= reach;
    }
    reach = width;
    for _ in 0..60 {
        if f(high) >= 0.0 {
            break;
        }
        reach *= 2.0;
        high += reach;
    }
    (f(low) <= 0.0 && f(high) >= 0.0).then(|| brent(f, low, high, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_simple_roots() {
        assert!((brent(|x| x * x - 2.0, 0.0, 2.0, 0.0) - 2f64.sqrt()).abs() < 1e-15);
        let x = increasing_root(|x| x.powi(3) - 1000.0, 0.0, 1.0);
        assert!((x.unwrap() - 10.0).abs() < 1e-12);
    }
}
