//! How many deliveries may be under way at once, and to one host. Both are shared out alike ([`share`]): endpoints that
//! fail have a part of their own, so have those that were never tried, whoever takes its time makes room, and no account
//! takes all: a thousand dead ones delay no other, also where they live under one roof.

mod share;

use gavel_domain::AccountId;
use gavel_domain::webhook::Standing;
use gavel_store::webhooks::claims::Full;
use share::{Kind, Taken};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The most deliveries under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Of this process: each is a socket.
    pub at_once: u32,
    /// To one host, whoever's endpoints live there.
    pub host: u32,
    /// To one subscription, over all processes.
    pub subscription: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Caps { at_once: 1024, host: 64, subscription: 8 }
    }
}

/// The places of this process.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    caps: Caps,
    board: Mutex<Board>,
    freed: Notify,
}

/// What is taken; only hosts with deliveries under way are kept.
#[derive(Debug, Default)]
struct Board {
    all: Taken,
    hosts: HashMap<String, Taken>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    kind: Kind,
    account: AccountId,
    host: String,
}

impl Places {
    pub(super) fn new(caps: Caps) -> Self {
        Self(Arc::new(Shared { caps, board: Mutex::default(), freed: Notify::new() }))
    }

    /// How many more deliveries there may be to endpoints of this standing.
    pub(super) fn room(&self, standing: Standing) -> u32 {
        self.0.board().all.room(Kind::Of(standing), self.0.caps.at_once)
    }

    /// Who takes no more of this standing.
    pub(super) fn full(&self, standing: Standing) -> Full {
        let (board, caps, kind) = (self.0.board(), self.0.caps, Kind::Of(standing));
        let mut full =
            Full { accounts: board.all.sated(kind, caps.at_once).into_iter().collect(), ..Full::default() };
        for (host, taken) in &board.hosts {
            match taken.room(kind, caps.host) {
                0 => full.hosts.push(host.clone()),
                _ => {
                    let sated = taken.sated(kind, caps.host).into_iter();
                    full.at_hosts.extend(sated.map(|account| (host.clone(), account)));
                }
            }
        }
        full
    }

    /// A place, if there is one.
    pub(super) fn take(&self, standing: Standing, host: &str, account: AccountId) -> Option<Place> {
        let (mut board, kind) = (self.0.board(), Kind::Of(standing));
        if !board.lets(account, host, kind, self.0.caps) {
            return None;
        }
        board.take(account, host, kind);
        Some(Place { shared: Arc::clone(&self.0), kind, account, host: host.to_owned() })
    }

    /// Waits until a place is free again.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }
}

impl Place {
    /// Leaves the places of those that answer soon, if there is room among the slow.
    pub(super) fn give_way(&mut self) {
        let mut board = self.shared.board();
        let was_good = matches!(self.kind, Kind::Of(Standing::Proven | Standing::New));
        if was_good && board.lets(self.account, &self.host, Kind::Slow, self.shared.caps) {
            board.free(self.account, &self.host, self.kind);
            self.kind = Kind::Slow;
            board.take(self.account, &self.host, self.kind);
            self.shared.freed.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.board().free(self.account, &self.host, self.kind);
        self.shared.freed.notify_one();
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        // Counts stay whole whatever happened to the thread that held them.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn lets(&self, account: AccountId, host: &str, kind: Kind, caps: Caps) -> bool {
        let there = self.hosts.get(host).is_none_or(|taken| taken.lets(account, kind, caps.host));
        there && self.all.lets(account, kind, caps.at_once)
    }

    fn take(&mut self, account: AccountId, host: &str, kind: Kind) {
        self.all.take(account, kind);
        self.hosts.entry(host.to_owned()).or_default().take(account, kind);
    }

    fn free(&mut self, account: AccountId, host: &str, kind: Kind) {
        self.all.free(account, kind);
        let Some(there) = self.hosts.get_mut(host) else { return };
        there.free(account, kind);
        if there.all() == 0 {
            self.hosts.remove(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(at_once: u32, host: u32) -> Places {
        Places::new(Caps { at_once, host, subscription: 8 })
    }

    fn account(n: usize) -> AccountId {
        format!("00000000-0000-0000-0000-{n:012}").parse().unwrap()
    }

    fn rooms(places: &Places) -> [u32; 3] {
        Standing::ALL.map(|standing| places.room(standing))
    }

    /// As many as there are for strangers to each other, who have none yet.
    fn taken(places: &Places, standing: Standing, host: &str) -> Vec<Place> {
        let known = usize::try_from(places.0.board().all.all()).unwrap() * 1000;
        (0..1000).map_while(|n| places.take(standing, host, account(known + n))).collect()
    }

    #[test]
    fn each_standing_has_its_share_and_none_takes_the_others() {
        let places = places(8, 100);
        let failing = taken(&places, Standing::Failing, "dead");
        assert_eq!((failing.len(), rooms(&places)), (2, [6, 2, 0]));
        let new = taken(&places, Standing::New, "new");
        let proven = taken(&places, Standing::Proven, "good");
        assert_eq!((new.len(), proven.len(), rooms(&places)), (2, 4, [0, 0, 0]));
        drop(proven);
        assert_eq!(rooms(&places), [4, 0, 0]);
        drop((failing, new));
        assert_eq!(rooms(&places), [8, 2, 2]);
        assert!(places.0.board().hosts.is_empty());
    }

    #[test]
    fn whoever_takes_its_time_gives_way_while_there_is_room() {
        let places = places(8, 100);
        let mut new = taken(&places, Standing::New, "new");
        assert_eq!((new.len(), rooms(&places)), (2, [6, 0, 2]));
        for place in &mut new {
            place.give_way();
            place.give_way();
        }
        assert_eq!(rooms(&places), [6, 2, 2], "others may be tried");
        let mut more = taken(&places, Standing::New, "new");
        more[0].give_way(); // nowhere to go
        assert_eq!(rooms(&places), [4, 0, 2]);
        drop(new);
        more[0].give_way();
        assert_eq!(rooms(&places), [6, 1, 2]);
    }

    #[test]
    fn a_host_is_shared_out_as_the_whole_is() {
        let places = places(100, 4);
        let failing = taken(&places, Standing::Failing, "a");
        assert_eq!((failing.len(), places.full(Standing::Failing).hosts), (1, vec!["a".to_owned()]));
        assert!(places.full(Standing::New).hosts.is_empty());
        let proven = taken(&places, Standing::Proven, "a");
        assert_eq!(proven.len(), 3, "so many in all");
        assert!(places.take(Standing::New, "a", account(0)).is_none(), "whatever their standing");
        assert!(places.take(Standing::New, "b", account(0)).is_some());
        assert_eq!(places.full(Standing::New).hosts, ["a"]);
        drop((failing, proven));
        assert!(places.full(Standing::New).hosts.is_empty());
    }

    #[test]
    fn who_has_its_part_is_told_at_its_host_and_of_all() {
        let full = |places: &Places| places.full(Standing::Proven);
        let host = places(100, 4);
        let _two = [(); 2].map(|()| host.take(Standing::Proven, "a", account(7)).unwrap());
        assert!(host.take(Standing::Proven, "a", account(7)).is_none());
        assert_eq!(full(&host), Full { at_hosts: vec![("a".to_owned(), account(7))], ..Full::default() });
        let all = places(4, 100);
        let _two = [(); 2].map(|()| all.take(Standing::Proven, "a", account(7)).unwrap());
        assert!(all.take(Standing::Proven, "b", account(7)).is_none());
        assert_eq!(full(&all), Full { accounts: vec![account(7)], ..Full::default() });
        assert!(all.take(Standing::Proven, "b", account(8)).is_some());
    }

    #[test]
    fn the_smallest_has_a_place_for_whoever_comes_first() {
        let places = places(1, 1);
        assert_eq!(rooms(&places), [1, 1, 1]);
        let _one = places.take(Standing::New, "a", account(1)).unwrap();
        assert_eq!(rooms(&places), [0, 0, 0]);
    }
}
