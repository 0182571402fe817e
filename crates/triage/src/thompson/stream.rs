//! Chance from a seed, in streams: what is drawn for one purpose says nothing about another. The lanes of
//! `aitasker-v1` are streams 1 to 3, 6 and 7.

use crate::draw::{chance, numbered_stream};

/// The key of the last seat's draw, by the weights of `aitasker-v1`.
pub(super) const FLOOR: u64 = 4;
/// The quality that is drawn for an agent.
pub(super) const QUALITY: u64 = 5;
/// Whether the last seat is drawn by weights at all; its number is 0.
pub(super) const COIN: u64 = 8;

/// The chance of a number in a stream, above 0 and at most 1.
pub(super) fn uniform(seed: u64, stream: u64, number: u64) -> f64 {
    chance(numbered_stream(seed, stream), number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lane;

    #[test]
    fn streams_continue_the_lanes_and_are_none_of_them() {
        for seed in [0, 42, u64::MAX] {
            for (stream, lane) in (1..).zip(Lane::ALL) {
                assert_eq!(uniform(seed, stream, 99).to_bits(), crate::uniform(seed, lane, 99).to_bits());
            }
            for lane in [Lane::Fast, Lane::Mixed, Lane::Challenger, Lane::Control, Lane::Reserve] {
                let lane = crate::uniform(seed, lane, 99).to_bits();
                assert!([FLOOR, QUALITY, COIN].iter().all(|own| uniform(seed, *own, 99).to_bits() != lane));
            }
        }
    }
}
