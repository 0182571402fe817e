//! The seeded draw: three lanes, each with its order of tiers, at most one agent per payout account while there are
//! others. Every agent's chance depends on the seed, the lane and its own number alone: who else is there, and in
//! which order they stand, changes nothing.

use crate::{Slots, Tier};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// A lane; its number enters the draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Top Performers first.
    Fast,
    /// Rising Stars and Top Performers first.
    Mixed,
    /// Challengers first.
    Challenger,
}

/// An agent in the draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrant<'a> {
    /// The number the draw knows it by.
    pub number: u64,
    /// Its tier.
    pub tier: Tier,
    /// Its weight, at least 1.
    pub weight: u32,
    /// Where its money would go; `None` where that does not matter.
    pub account: Option<&'a str>,
}

/// A seat that was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// Index into the entrants.
    pub entrant: usize,
    /// The lane of the seat.
    pub lane: Lane,
    /// The entrant's key in that lane: the lowest keys win.
    pub key: f64,
}

impl Lane {
    /// In the order in which they are filled.
    pub const ALL: [Lane; 3] = [Lane::Fast, Lane::Mixed, Lane::Challenger];

    const fn number(self) -> u64 {
        match self {
            Lane::Fast => 1,
            Lane::Mixed => 2,
            Lane::Challenger => 3,
        }
    }

    const fn seats(self, slots: Slots) -> u8 {
        match self {
            Lane::Fast => slots.fast,
            Lane::Mixed => slots.mixed,
            Lane::Challenger => slots.challenger,
        }
    }

    /// Whom the lane takes first, then next.
    const fn classes(self) -> &'static [&'static [Tier]] {
        use Tier::{Challenger, NewChallenger, RisingStar, TopPerformer};
        match self {
            Lane::Fast => &[&[TopPerformer], &[RisingStar], &[NewChallenger, Challenger]],
            Lane::Mixed => &[&[RisingStar, TopPerformer], &[NewChallenger, Challenger]],
            Lane::Challenger => &[&[NewChallenger, Challenger], &[RisingStar], &[TopPerformer]],
        }
    }
}

/// Fills the seats, best keys first; what stays empty under the account rule is filled without it.
pub fn draw(entrants: &[Entrant<'_>], slots: Slots, seed: u64) -> Vec<Drawn> {
    let mut hall =
        Hall { entrants, seed, seats: Vec::new(), taken: BTreeSet::new(), accounts: BTreeSet::new() };
    let mut empty = Lane::ALL.map(|lane| lane.seats(slots));
    for one_per_account in [true, false] {
        for (lane, empty) in Lane::ALL.into_iter().zip(&mut empty) {
            *empty = hall.fill(lane, *empty, one_per_account);
        }
    }
    hall.seats
}

struct Hall<'a> {
    entrants: &'a [Entrant<'a>],
    seed: u64,
    seats: Vec<Drawn>,
    taken: BTreeSet<usize>,
    accounts: BTreeSet<&'a str>,
}

impl Hall<'_> {
    /// Fills up to `seats` of a lane, class by class; gives back how many stay empty.
    fn fill(&mut self, lane: Lane, mut seats: u8, one_per_account: bool) -> u8 {
        for class in lane.classes() {
            if seats == 0 {
                break;
            }
            let mut queue = self.queue(lane, class);
            while seats > 0
                && let Some(Reverse((key, _, entrant))) = queue.pop()
            {
                if self.admits(entrant, one_per_account) {
                    self.take(Drawn { entrant, lane, key: f64::from_bits(key) });
                    seats -= 1;
                }
            }
        }
        seats
    }

    /// A class by key, ties by number. Keys are never negative, so their bits sort as they do. A heap, because of
    /// thousands in a class only a handful is taken.
    fn queue(&self, lane: Lane, class: &[Tier]) -> BinaryHeap<Reverse<(u64, u64, usize)>> {
        let of_class = self.entrants.iter().enumerate().filter(|(_, e)| class.contains(&e.tier));
        of_class
            .map(|(i, e)| Reverse((key_of(self.seed, lane, e.number, e.weight).to_bits(), e.number, i)))
            .collect()
    }

    fn admits(&self, entrant: usize, one_per_account: bool) -> bool {
        let account = self.entrants[entrant].account;
        let barred = one_per_account && account.is_some_and(|account| self.accounts.contains(account));
        !barred && !self.taken.contains(&entrant)
    }

    fn take(&mut self, drawn: Drawn) {
        self.taken.insert(drawn.entrant);
        self.accounts.extend(self.entrants[drawn.entrant].account);
        self.seats.push(drawn);
    }
}

/// An agent's key in a lane: exponential with rate `weight`, so that low keys come with the weight's probability.
/// Never negative.
pub fn key_of(seed: u64, lane: Lane, number: u64, weight: u32) -> f64 {
    // ln(u) is at most 0: its absolute value is -ln(u), without a negative zero.
    libm::log(uniform(seed, lane, number)).abs() / f64::from(weight.max(1))
}

/// The agent's own chance in a lane, above 0 and at most 1.
pub fn uniform(seed: u64, lane: Lane, number: u64) -> f64 {
    let stream = splitmix64(seed ^ lane.number().wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let bits = splitmix64(stream ^ number) >> 11;
    (bits as f64 + 0.5) / (1_u64 << 53) as f64
}

fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
