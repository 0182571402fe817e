//! Who is asked: the highest values; and for the last seat, in a share of the tasks, whoever the weights of
//! `aitasker-v1` draw. At most one agent per payout account while there are others.

use super::{Contender, Policy, Question, Valued, stream, value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How a seat was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// One of the highest values.
    Value,
    /// Drawn by weight, so that nobody is forgotten.
    Floor,
}

/// A seat that was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Index into the contenders.
    pub contender: usize,
    /// How it was filled.
    pub by: By,
}

/// Who is asked, and what everybody was worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The seats, in the order in which they were filled.
    pub seats: Vec<Seat>,
    /// Every contender's value, in their order.
    pub valued: Vec<Valued>,
    /// Whether the last seat was for the draw by weights.
    pub floor: bool,
}

/// Fills `seats` seats. Ties go to the lower number. A single seat is never the last one: it is filled by value.
pub fn select(
    contenders: &[Contender<'_>],
    question: &Question<'_>,
    seats: u8,
    policy: &Policy,
) -> Selection {
    let valued: Vec<Valued> = contenders.iter().map(|c| value(c, question, policy)).collect();
    let floor = seats > 1 && stream::uniform(question.seed, stream::COIN, 0) < policy.floor_share;
    let by_value = by_value(contenders, &valued);
    let by_key = if floor { by_key(contenders, question.seed) } else { Vec::new() };
    let mut queues = [(By::Value, by_value, seats - u8::from(floor)), (By::Floor, by_key, u8::from(floor))];

    let mut hall = Hall { contenders, seats: Vec::new(), taken: BTreeSet::new(), accounts: BTreeSet::new() };
    for one_per_account in [true, false] {
        for (by, queue, empty) in &mut queues {
            *empty = hall.fill(*by, queue, *empty, one_per_account);
        }
    }
    Selection { seats: hall.seats, valued, floor }
}

fn by_value(contenders: &[Contender<'_>], valued: &[Valued]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    let number = |i: usize| contenders[i].number;
    order.sort_by(|a, b| valued[*b].value.total_cmp(&valued[*a].value).then(number(*a).cmp(&number(*b))));
    order
}

/// As in the lanes of `aitasker-v1`: exponential keys with the weight as their rate, the lowest first.
fn by_key(contenders: &[Contender<'_>], seed: u64) -> Vec<usize> {
    let key = |c: &Contender<'_>| {
        let chance = stream::uniform(seed, stream::FLOOR, c.number);
        libm::log(chance).abs() / f64::from(c.weight.max(1))
    };
    let keys: Vec<f64> = contenders.iter().map(key).collect();
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    let number = |i: usize| contenders[i].number;
    order.sort_by(|a, b| keys[*a].total_cmp(&keys[*b]).then(number(*a).cmp(&number(*b))));
    order
}

struct Hall<'a> {
    contenders: &'a [Contender<'a>],
    seats: Vec<Seat>,
    taken: BTreeSet<usize>,
    accounts: BTreeSet<&'a str>,
}

impl Hall<'_> {
    /// Fills up to `empty` seats from the front of a queue; gives back how many stay empty.
    fn fill(&mut self, by: By, queue: &[usize], mut empty: u8, one_per_account: bool) -> u8 {
        for &contender in queue {
            if empty == 0 {
                break;
            }
            if self.admits(contender, one_per_account) {
                self.taken.insert(contender);
                self.accounts.extend(self.contenders[contender].account);
                self.seats.push(Seat { contender, by });
                empty -= 1;
            }
        }
        empty
    }

    fn admits(&self, contender: usize, one_per_account: bool) -> bool {
        let account = self.contenders[contender].account;
        let barred = one_per_account && account.is_some_and(|account| self.accounts.contains(account));
        !barred && !self.taken.contains(&contender)
    }
}
