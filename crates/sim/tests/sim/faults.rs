//! What strikes at a transaction, at the judge, and at a process.

use crate::dice::Dice;
use crate::world::World;
use gavel_store::faults::{Moment, Verdict};
use std::time::Duration;

/// How often of a thousand something strikes, in this world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    slow: u64,
    /// How slow, in milliseconds.
    begins: &'static [u64],
    busy: u64,
    dies: u64,
    unheard: u64,
    judges_slowly: u64,
    /// Hints that are lost: then a step does not notice at once that its claim is gone.
    deaf: u64,
    /// While one waits, another comes sooner.
    hurries: u64,
    pub(crate) network: u64,
    /// Results that are brought when time is nearly up.
    pub(crate) last_moments: u64,
    /// Buyers that do not decide before their time is nearly up.
    pub(crate) buyers_wait: u64,
}

const A_LITTLE: &[u64] = &[5, 20, 60, 150, 400];
const MUCH: &[u64] = &[60, 150, 400, 1_200];

impl Rates {
    pub(crate) fn of(dice: &mut Dice) -> Rates {
        Rates {
            slow: dice.one_of(&[0, 100, 500]),
            begins: dice.one_of(&[A_LITTLE, A_LITTLE, MUCH]),
            busy: dice.one_of(&[0, 0, 10, 60]),
            dies: dice.one_of(&[0, 5, 15, 40]),
            unheard: dice.one_of(&[0, 0, 10, 30]),
            judges_slowly: dice.one_of(&[0, 300, 1_000]),
            deaf: dice.one_of(&[0, 0, 500, 1_000]),
            hurries: dice.one_of(&[0, 300, 700]),
            network: dice.one_of(&[0, 50, 200]),
            last_moments: dice.one_of(&[0, 200, 800]),
            buyers_wait: dice.one_of(&[50, 200, 700]),
        }
    }

    fn fails(&self, moment: Moment) -> u64 {
        match moment {
            Moment::Begin => self.busy,
            Moment::BeforeCommit => self.busy / 4,
            Moment::AfterCommit => self.unheard,
            Moment::Hint => self.deaf,
            Moment::Judging => 0,
        }
    }

    fn dies(&self, moment: Moment) -> u64 {
        match moment {
            Moment::BeforeCommit | Moment::AfterCommit => self.dies,
            Moment::Begin | Moment::Judging | Moment::Hint => 0,
        }
    }

    /// A transaction that is slow before its commit keeps all others waiting.
    fn slow(&self, moment: Moment) -> (u64, &'static [u64]) {
        match moment {
            Moment::Begin => (self.slow, self.begins),
            Moment::BeforeCommit => (self.slow / 4, A_LITTLE),
            Moment::Judging => (self.judges_slowly, &[50, 300, 1_000, 3_000]),
            Moment::AfterCommit | Moment::Hint => (0, &[0]),
        }
    }
}

/// Deaths in one life at most: each costs a start.
const DEATHS_MAX: u32 = 6;

impl World {
    pub(crate) fn dies(&self, why: &'static str) {
        self.trace(format!("the process dies: {why}"));
        self.count("deaths");
        let mut state = self.state();
        state.dead = true;
        state.deaths += 1;
        self.died.notify_one();
    }

    /// What strikes at this moment.
    pub(crate) fn verdict(&self, moment: Moment) -> Verdict {
        let (rates, may_die, takes_writes) = {
            let state = self.state();
            if state.dead {
                return Verdict::Dies;
            }
            if moment == Moment::AfterCommit {
                self.news.notify_one();
            }
            if !state.faulty {
                return Verdict::Go;
            }
            (state.rates, state.deaths < DEATHS_MAX, state.no_writes_until <= self.millis())
        };
        if may_die && self.dice(|dice| dice.happens(rates.dies(moment))) {
            self.dies(name(moment));
            return Verdict::Dies;
        }
        if !takes_writes && matches!(moment, Moment::Begin | Moment::BeforeCommit) {
            return Verdict::Fails;
        }
        if self.dice(|dice| dice.happens(rates.fails(moment))) {
            self.fails(moment);
            return Verdict::Fails;
        }
        let (slow, spans) = rates.slow(moment);
        if self.dice(|dice| dice.happens(slow)) {
            self.count(if moment == Moment::Judging { "verdicts slow" } else { "transactions slow" });
            let span = self.dice(|dice| dice.one_of(spans));
            if self.dice(|dice| dice.happens(rates.hurries)) {
                self.hurry(span);
            }
            return Verdict::Slow(Duration::from_millis(span));
        }
        Verdict::Go
    }

    fn fails(&self, moment: Moment) {
        if moment != Moment::Hint {
            self.trace(format!("the database fails {}", name(moment)));
        }
        self.count(match moment {
            Moment::Hint => "hints lost",
            Moment::AfterCommit => "commits unheard",
            Moment::Begin | Moment::BeforeCommit | Moment::Judging => "transactions failed",
        });
    }
}

fn name(moment: Moment) -> &'static str {
    match moment {
        Moment::Begin => "before",
        Moment::BeforeCommit => "before a commit",
        Moment::AfterCommit => "after a commit",
        Moment::Judging => "while it judges",
        Moment::Hint => "at a hint",
    }
}
