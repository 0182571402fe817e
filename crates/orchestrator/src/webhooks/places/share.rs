//! Who may take one of some places: of all those of this process, and of those to one host. Decided without looking at
//! anything else.
//!
//! A quarter of the places is the most for new endpoints together, a quarter for those whose last try failed, and a
//! quarter for those that take their time; what is free is for those that are well, which is a quarter at least. Of each
//! share, and of all places, an account takes no more than it leaves free: one alone has half of them, and whoever comes
//! finds a place. Among the new ones everything counts that an account has without being known to be well: those whose
//! endpoints hang leave the last places to those who have none.

use gavel_domain::AccountId;
use gavel_domain::webhook::Standing;
use std::collections::{HashMap, HashSet};

const PROVEN: Kind = Kind::Of(Standing::Proven);

/// What is taken of some places.
#[derive(Debug, Default)]
pub(super) struct Taken([Share; 4]);

/// The deliveries of one kind.
#[derive(Debug, Default)]
struct Share {
    all: u32,
    /// Only those who have some.
    accounts: HashMap<AccountId, u32>,
}

/// Why a delivery has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is expected of its endpoint.
    Of(Standing),
    /// Much was expected, but it takes its time.
    Slow,
}

impl Taken {
    /// How many more of a kind there may be, of so many places.
    pub(super) fn room(&self, kind: Kind, places: u32) -> u32 {
        let (free, of_its_share) = (self.free_of(places), self.left_of_share(kind, places));
        match kind {
            Kind::Of(Standing::Proven) => free,
            Kind::Of(Standing::New | Standing::Failing) => of_its_share.min(free),
            Kind::Slow => of_its_share, // it has a place already
        }
    }

    /// Whether an account may have one more.
    pub(super) fn lets(&self, account: AccountId, kind: Kind, places: u32) -> bool {
        let of = |share: &Share| share.accounts.get(&account).copied().unwrap_or(0);
        let counted = match kind {
            Kind::Of(Standing::New) => self.0.iter().map(of).sum::<u32>() - of(self.share(PROVEN)),
            _ => of(self.share(kind)),
        };
        let in_share = counted < self.left_of_share(kind, places);
        let of_all = self.0.iter().map(of).sum::<u32>() < self.free_of(places);
        match kind {
            Kind::Of(Standing::Proven) => of_all,
            Kind::Of(Standing::New | Standing::Failing) => in_share && of_all,
            Kind::Slow => in_share,
        }
    }

    fn free_of(&self, places: u32) -> u32 {
        places.saturating_sub(self.all())
    }

    fn left_of_share(&self, kind: Kind, places: u32) -> u32 {
        (places / 4).max(1).saturating_sub(self.share(kind).all)
    }

    /// The accounts that may have no more, among those that have some.
    pub(super) fn sated(&self, kind: Kind, places: u32) -> HashSet<AccountId> {
        let some = self.0.iter().flat_map(|share| share.accounts.keys().copied());
        some.filter(|account| !self.lets(*account, kind, places)).collect()
    }

    pub(super) fn take(&mut self, account: AccountId, kind: Kind) {
        let share = self.share_mut(kind);
        share.all += 1;
        *share.accounts.entry(account).or_default() += 1;
    }

    pub(super) fn free(&mut self, account: AccountId, kind: Kind) {
        let share = self.share_mut(kind);
        share.all = share.all.saturating_sub(1);
        match share.accounts.get_mut(&account) {
            Some(has) if *has > 1 => *has -= 1,
            _ => drop(share.accounts.remove(&account)),
        }
    }

    pub(super) fn all(&self) -> u32 {
        self.0.iter().map(|share| share.all).sum()
    }

    fn share(&self, kind: Kind) -> &Share {
        let [proven, new, failing, slow] = &self.0;
        match kind {
            Kind::Of(Standing::Proven) => proven,
            Kind::Of(Standing::New) => new,
            Kind::Of(Standing::Failing) => failing,
            Kind::Slow => slow,
        }
    }

    fn share_mut(&mut self, kind: Kind) -> &mut Share {
        let [proven, new, failing, slow] = &mut self.0;
        match kind {
            Kind::Of(Standing::Proven) => proven,
            Kind::Of(Standing::New) => new,
            Kind::Of(Standing::Failing) => failing,
            Kind::Slow => slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const NEW: Kind = Kind::Of(Standing::New);
    const FAILING: Kind = Kind::Of(Standing::Failing);

    fn account(n: u128) -> AccountId {
        format!("00000000-0000-0000-0000-{n:012}").parse().unwrap()
    }

    /// Each account takes what it is let, by turns.
    fn taken(taken: &mut Taken, accounts: std::ops::Range<u128>, kind: Kind, places: u32) -> Vec<u32> {
        let accounts: Vec<AccountId> = accounts.map(account).collect();
        loop {
            let before = taken.all();
            for one in &accounts {
                if taken.lets(*one, kind, places) {
                    taken.take(*one, kind);
                }
            }
            if taken.all() == before {
                let has = |one| taken.share(kind).accounts.get(one).copied().unwrap_or(0);
                return accounts.iter().map(has).collect();
            }
        }
    }

    #[test]
    fn those_who_hang_leave_the_last_places_to_those_who_have_none() {
        let mut there = Taken::default();
        taken(&mut there, 0..5, Kind::Slow, 64); // what they had among the new ones has become slow
        taken(&mut there, 0..5, NEW, 64);
        assert!(there.left_of_share(NEW, 64) > 0 && there.lets(account(9), NEW, 64));
        assert!((0..5).all(|dead| !there.lets(account(dead), NEW, 64)));
    }

    #[test]
    fn an_account_takes_no_more_of_a_share_than_it_leaves_free() {
        // Of 64 places the shares are 16 each; those that are well may have all.
        let check = |accounts, kind, expected: &[u32]| {
            assert_eq!(taken(&mut Taken::default(), 0..accounts, kind, 64), expected, "{kind:?}");
        };
        check(1, PROVEN, &[32]);
        check(1, NEW, &[8]);
        check(1, FAILING, &[8]);
        check(1, Kind::Slow, &[8]);
        check(3, PROVEN, &[16, 16, 16]);
        check(5, FAILING, &[3, 3, 3, 3, 2]);
        check(5, PROVEN, &[11, 11, 11, 11, 10]);
    }

    #[test]
    fn whoever_comes_finds_a_place_however_many_hang() {
        for accounts in [1, 2, 5, 10, 15] {
            let mut all = Taken::default();
            for kind in [FAILING, NEW, Kind::Slow, PROVEN] {
                taken(&mut all, 0..accounts, kind, 64);
            }
            for kind in [PROVEN, NEW, FAILING] {
                assert!(all.lets(account(99), kind, 64), "{kind:?} beside {accounts} accounts: {all:?}");
            }
        }
    }

    #[test]
    fn a_quarter_is_left_for_those_that_are_well_whatever_the_others_take() {
        for places in [4, 5, 16, 64, 1024] {
            let mut all = Taken::default();
            for kind in [NEW, FAILING, Kind::Slow] {
                taken(&mut all, 0..2000, kind, places);
                assert_eq!(all.room(kind, places), 0);
                assert!(!all.sated(kind, places).is_empty());
            }
            assert!(all.room(PROVEN, places) >= places / 4, "{places}: {all:?}");
            taken(&mut all, 0..2000, PROVEN, places);
            assert_eq!(all.all(), places, "none is left unused");
        }
    }

    #[test]
    fn what_is_freed_may_be_taken_again() {
        let mut all = Taken::default();
        taken(&mut all, 0..3, FAILING, 8);
        assert!(!all.lets(account(9), FAILING, 8));
        all.free(account(0), FAILING);
        assert!(all.lets(account(9), FAILING, 8) && all.sated(FAILING, 8) == HashSet::from([account(1)]));
        all.free(account(1), FAILING);
        assert_eq!((all.all(), all.share(FAILING).accounts.len()), (0, 0));
    }

    struct Call {
        of: AccountId,
        kind: Kind,
        began_ms: u64,
    }

    const TICK_MS: usize = 100;
    const PATIENCE_MS: u64 = 1_000;
    const LIMIT_MS: u64 = 15_000;

    /// For how long an account that is well is let none of a host's places at worst, while all deliveries of others hang
    /// and come again.
    fn longest_wait_ms(others: u128, deliveries: u128, places: u32) -> u64 {
        let mut taken = Taken::default();
        let mut waiting: VecDeque<(AccountId, Kind)> =
            (0..deliveries).map(|n| (account(n % others), if n % 3 == 0 { NEW } else { PROVEN })).collect();
        let (mut calls, mut waited, mut longest): (Vec<Call>, u64, u64) = (Vec::new(), 0, 0);
        for now in (0..120_000).step_by(TICK_MS) {
            calls.retain_mut(|call| {
                let took = now - call.began_ms;
                let slow = took >= PATIENCE_MS && matches!(call.kind, PROVEN | NEW);
                if took >= LIMIT_MS {
                    taken.free(call.of, call.kind);
                    waiting.push_back((call.of, FAILING));
                } else if slow && taken.lets(call.of, Kind::Slow, places) {
                    taken.free(call.of, call.kind);
                    taken.take(call.of, Kind::Slow);
                    call.kind = Kind::Slow;
                }
                took < LIMIT_MS
            });
            waiting.retain(|(of, kind)| {
                let lets = taken.lets(*of, *kind, places);
                if lets {
                    taken.take(*of, *kind);
                    calls.push(Call { of: *of, kind: *kind, began_ms: now });
                }
                !lets
            });
            waited = if taken.lets(account(1_000), PROVEN, places) { 0 } else { waited + TICK_MS as u64 };
            longest = longest.max(waited);
            assert!(taken.all() <= places);
        }
        longest
    }

    #[test]
    fn two_minutes_of_hanging_deliveries_keep_nobody_waiting() {
        for others in [1, 2, 5, 20] {
            assert_eq!(longest_wait_ms(others, 800, 64), 0, "{others} accounts hang");
        }
    }
}
