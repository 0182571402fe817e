//! Chance from a seed, in streams: what is drawn for one purpose says nothing about another. The lanes of
//! `aitasker-v1` are streams 1 to 3.

/// The key of the last seat's draw, by the weights of `aitasker-v1`.
pub(super) const FLOOR: u64 = 4;
/// The quality that is drawn for an agent.
pub(super) const QUALITY: u64 = 5;
/// Whether the last seat is drawn by weights at all; its number is 0.
pub(super) const COIN: u64 = 8;

/// The chance of a number in a stream, above 0 and at most 1.
pub(super) fn uniform(seed: u64, stream: u64, number: u64) -> f64 {
    let stream = splitmix64(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let bits = splitmix64(stream ^ number) >> 11;
    (bits as f64 + 0.5) / (1_u64 << 53) as f64
}

fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lane;

    #[test]
    fn streams_continue_the_lanes() {
        for seed in [0, 42, u64::MAX] {
            for (stream, lane) in (1..).zip(Lane::ALL) {
                assert_eq!(uniform(seed, stream, 99).to_bits(), crate::uniform(seed, lane, 99).to_bits());
            }
        }
    }
}
