//! Numbers that look random and are a pure function of a seed and a place: the same question gives the same answer,
//! whatever was asked before.

/// Mixes a seed with two coordinates (the finaliser of SplitMix64, applied twice).
pub fn mix(seed: u64, stream: u64, index: u64) -> u64 {
    let first = finalise(
        seed ^ stream
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(0x632B_E59B_D9B4_E019),
    );
    finalise(first ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03))
}

fn finalise(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Uniform in [0, 1).
pub fn uniform(seed: u64, stream: u64, index: u64) -> f64 {
    (mix(seed, stream, index) >> 11) as f64 / (1u64 << 53) as f64
}

/// Uniform in [`low`, `high`).
pub fn between(seed: u64, stream: u64, index: u64, low: f64, high: f64) -> f64 {
    low + (high - low) * uniform(seed, stream, index)
}

/// About normal with mean 0 and standard deviation 1, within ±3.5: the sum of four uniform numbers (Irwin–Hall), scaled.
pub fn normal(seed: u64, stream: u64, index: u64) -> f64 {
    let bits = mix(seed, stream, index);
    let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    (sum as f64 / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
}

/// Noise that is continuous in time: [`normal`] at knots `knot_ms` apart, linear between them. Standard deviation about 0.8.
pub fn smooth(seed: u64, stream: u64, at_ms: i64, knot_ms: i64) -> f64 {
    let knot = at_ms.div_euclid(knot_ms);
    let part = at_ms.rem_euclid(knot_ms) as f64 / knot_ms as f64;
    let left = normal(seed, stream, knot as u64);
    let right = normal(seed, stream, knot.wrapping_add(1) as u64);
    left + (right - left) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let n = 20_000;
        let values: Vec<f64> = (0..n).map(|i| normal(7, 1, i)).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn smooth_does_not_jump_at_a_knot() {
        let before = smooth(3, 2, 59_999, 60_000);
        let after = smooth(3, 2, 60_000, 60_000);
        assert!((before - after).abs() < 1e-3);
    }
}
