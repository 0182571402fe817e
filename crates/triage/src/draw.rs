//! The seeded draw: three lanes, each with its order of tiers, at most one agent per payout account while there are
//! others. Every agent's chance depends on the seed, the lane and its own number alone: who else is there, and in
//! which order they stand, changes nothing.

use crate::{Slots, Tier};
use serde::{Deserialize, Serialize};

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
    /// All alike: tasks of the control group.
    Control,
    /// Who is asked when too few answer: in the order of the fast lane.
    Reserve,
    /// The highest values, where the category is decided by `thompson`.
    Value,
    /// The last seat there, drawn by weight.
    Floor,
}

/// An agent in the draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrant {
    /// The number the draw knows it by.
    pub number: u64,
    /// Its tier.
    pub tier: Tier,
    /// Its weight, at least 1.
    pub weight: u32,
    /// Where its money would go: equal for equal accounts; `None` where that does not matter.
    pub account: Option<u32>,
    /// Where the caller finds it.
    pub index: u32,
}

/// A seat that was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// Who has it.
    pub entrant: Entrant,
    /// The lane of the seat.
    pub lane: Lane,
    /// The entrant's key in that lane: the lowest keys win.
    pub key: f64,
}

const NOBODY: &[&[Tier]] = &[];
const FAST: &[&[Tier]] =
    &[&[Tier::TopPerformer], &[Tier::RisingStar], &[Tier::NewChallenger, Tier::Challenger]];
const MIXED: &[&[Tier]] =
    &[&[Tier::RisingStar, Tier::TopPerformer], &[Tier::NewChallenger, Tier::Challenger]];
const CHALLENGER: &[&[Tier]] =
    &[&[Tier::NewChallenger, Tier::Challenger], &[Tier::RisingStar], &[Tier::TopPerformer]];

impl Lane {
    /// The three of the policy, in the order in which they are filled.
    pub const ALL: [Lane; 3] = [Lane::Fast, Lane::Mixed, Lane::Challenger];

    const fn number(self) -> u64 {
        match self {
            Lane::Fast => 1,
            Lane::Mixed => 2,
            Lane::Challenger => 3,
            Lane::Control => 6,
            Lane::Floor => 4,
            Lane::Value => 5,
            Lane::Reserve => 7,
        }
    }

    const fn seats(self, slots: Slots) -> u8 {
        match self {
            Lane::Fast => slots.fast,
            Lane::Mixed => slots.mixed,
            Lane::Challenger => slots.challenger,
            Lane::Control | Lane::Reserve | Lane::Value | Lane::Floor => 0,
        }
    }

    /// Whom the lane takes first, then next.
    const fn classes(self) -> &'static [&'static [Tier]] {
        match self {
            Lane::Fast | Lane::Reserve => FAST,
            Lane::Mixed => MIXED,
            Lane::Challenger => CHALLENGER,
            Lane::Control | Lane::Value | Lane::Floor => NOBODY,
        }
    }

    /// The lane whose first class a tier is in.
    pub const fn of(tier: Tier) -> Lane {
        match tier {
            Tier::TopPerformer => Lane::Fast,
            Tier::RisingStar => Lane::Mixed,
            Tier::NewChallenger | Tier::Challenger => Lane::Challenger,
        }
    }
}

/// Fills the seats, best keys first; what stays empty under the account rule is filled without it.
pub fn draw(entrants: &[Entrant], slots: Slots, seed: u64) -> Vec<Drawn> {
    let mut hall = Hall::of(entrants, seed);
    let mut empty = Lane::ALL.map(|lane| lane.seats(slots));
    for one_per_account in [true, false] {
        for (lane, empty) in Lane::ALL.into_iter().zip(&mut empty) {
            *empty = hall.fill(lane, lane.classes(), *empty, one_per_account);
        }
    }
    hall.seats
}

/// Fills the seats with equal weights and without lanes, under the same account rule.
pub(crate) fn draw_control(entrants: &[Entrant], seats: u8, seed: u64) -> Vec<Drawn> {
    let alike: Vec<Entrant> = entrants.iter().map(|entrant| Entrant { weight: 1, ..*entrant }).collect();
    let mut hall = Hall::of(&alike, seed);
    let mut empty = seats;
    for one_per_account in [true, false] {
        empty = hall.fill(Lane::Control, &[&Tier::ALL], empty, one_per_account);
    }
    hall.seats
}

/// Who comes next when those who were `seated` are too few: the reserve lane's order, beside them.
pub(crate) fn draw_reserve(entrants: &[Entrant], seated: &[Drawn], seats: u8, seed: u64) -> Vec<Drawn> {
    let mut hall = Hall::of(entrants, seed);
    hall.seats.extend_from_slice(seated);
    let mut empty = seats;
    for one_per_account in [true, false] {
        empty = hall.fill(Lane::Reserve, Lane::Reserve.classes(), empty, one_per_account);
    }
    hall.seats.split_off(seated.len())
}

/// The entrants by tier, and the seats that are taken.
struct Hall {
    by_tier: [Vec<Entrant>; 4],
    seed: u64,
    seats: Vec<Drawn>,
}

impl Hall {
    fn of(entrants: &[Entrant], seed: u64) -> Hall {
        let mut by_tier: [Vec<Entrant>; 4] = Default::default();
        for entrant in entrants {
            by_tier[entrant.tier as usize].push(*entrant);
        }
        Hall { by_tier, seed, seats: Vec::new() }
    }

    /// Fills up to `seats` of a lane, class by class; gives back how many stay empty.
    fn fill(&mut self, lane: Lane, classes: &[&[Tier]], mut seats: u8, one_per_account: bool) -> u8 {
        for class in classes {
            if seats == 0 {
                break;
            }
            let best = self.best(lane, class, seats, one_per_account);
            seats -= best.len() as u8; // never more than there are seats
            self.seats.extend(best);
        }
        seats
    }

    /// The lowest keys of a class among those who may still sit down, in order; of each account only its lowest.
    fn best(&self, lane: Lane, class: &[Tier], seats: u8, one_per_account: bool) -> Vec<Drawn> {
        let stream = stream(self.seed, lane);
        let mut front = Front { seats: usize::from(seats), one_per_account, best: Vec::new() };
        for entrant in class.iter().flat_map(|tier| &self.by_tier[*tier as usize]) {
            let chance = chance(stream, entrant.number);
            let weight = f64::from(entrant.weight.max(1));
            if front.cannot_take((1.0 - chance) / weight) || self.bars(entrant, one_per_account) {
                continue;
            }
            // ln(u) is at most 0: its absolute value is -ln(u), without a negative zero.
            front.offer(Drawn { entrant: *entrant, lane, key: libm::log(chance).abs() / weight });
        }
        front.best
    }

    /// Whether it, or somebody of its account, has a seat already.
    fn bars(&self, entrant: &Entrant, one_per_account: bool) -> bool {
        self.seats.iter().any(|seat| {
            let seated = &seat.entrant;
            seated.index == entrant.index
                || (one_per_account && seated.account.is_some() && seated.account == entrant.account)
        })
    }
}

/// The best so far, lowest key first.
struct Front {
    seats: usize,
    one_per_account: bool,
    best: Vec<Drawn>,
}

/// A key is never below its bound by more than its last digits.
const ROUNDING: f64 = 1.0 + 1e-9;

impl Front {
    /// Whether a key of at least `bound` is too high: -ln(u) is at least 1 - u, so that nearly all logarithms need not be
    /// worked out.
    fn cannot_take(&self, bound: f64) -> bool {
        self.best.len() == self.seats && self.best.last().is_some_and(|last| bound > last.key * ROUNDING)
    }

    fn offer(&mut self, drawn: Drawn) {
        let of_its_account = |other: &Drawn| {
            self.one_per_account
                && drawn.entrant.account.is_some()
                && other.entrant.account == drawn.entrant.account
        };
        if let Some(at) = self.best.iter().position(of_its_account) {
            if !is_before(&drawn, &self.best[at]) {
                return;
            }
            self.best.remove(at);
        }
        let at = self.best.partition_point(|other| is_before(other, &drawn));
        if at < self.seats {
            self.best.truncate(self.seats - 1);
            self.best.insert(at.min(self.best.len()), drawn);
        }
    }
}

/// By key, ties by number.
fn is_before(one: &Drawn, other: &Drawn) -> bool {
    (one.key, one.entrant.number) < (other.key, other.entrant.number)
}

/// An agent's key in a lane: exponential with rate `weight`, so that low keys come with the weight's probability.
/// Never negative.
pub fn key_of(seed: u64, lane: Lane, number: u64, weight: u32) -> f64 {
    libm::log(uniform(seed, lane, number)).abs() / f64::from(weight.max(1))
}

/// The agent's own chance in a lane, above 0 and at most 1.
pub fn uniform(seed: u64, lane: Lane, number: u64) -> f64 {
    chance(stream(seed, lane), number)
}

fn stream(seed: u64, lane: Lane) -> u64 {
    numbered_stream(seed, lane.number())
}

/// Chances of a purpose of their own; the lanes' numbers are taken, and those of [`crate::thompson`].
pub(crate) fn numbered_stream(seed: u64, number: u64) -> u64 {
    splitmix64(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

pub(crate) fn chance(stream: u64, number: u64) -> f64 {
    let bits = splitmix64(stream ^ number) >> 11;
    (bits as f64 + 0.5) / (1_u64 << 53) as f64
}

fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
