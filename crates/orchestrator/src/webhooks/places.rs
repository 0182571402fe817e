//! How many deliveries may be under way at once, and to one host. Endpoints that fail have places of their own, so have
//! those that were never tried, and whoever takes its time makes room: a thousand dead ones delay no other.

use gavel_domain::webhook::Standing;
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
    proven: u32,
    new: u32,
    failing: u32,
    hosts: HashMap<String, u32>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    standing: Standing,
    host: String,
}

impl Places {
    pub(super) fn new(caps: Caps) -> Self {
        Self(Arc::new(Shared { caps, board: Mutex::default(), freed: Notify::new() }))
    }

    /// How many more deliveries there may be to endpoints of this standing.
    pub(super) fn room(&self, standing: Standing) -> u32 {
        self.0.board().room(standing, self.0.caps)
    }

    /// Hosts that take no more.
    pub(super) fn full_hosts(&self) -> Vec<String> {
        let board = self.0.board();
        let full = board.hosts.iter().filter(|(_, taken)| **taken >= self.0.caps.host);
        full.map(|(host, _)| host.clone()).collect()
    }

    /// A place, if there is one.
    pub(super) fn take(&self, standing: Standing, host: &str) -> Option<Place> {
        let mut board = self.0.board();
        let taken = board.hosts.get(host).copied().unwrap_or(0);
        if board.room(standing, self.0.caps) == 0 || taken >= self.0.caps.host {
            return None;
        }
        *board.taken(standing) += 1;
        board.hosts.insert(host.to_owned(), taken + 1);
        Some(Place { shared: Arc::clone(&self.0), standing, host: host.to_owned() })
    }

    /// Waits until a place is free again.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }
}

impl Place {
    /// Leaves the places of those that answer soon, if there is room among the others.
    pub(super) fn give_way(&mut self) {
        let mut board = self.shared.board();
        if self.standing != Standing::Failing && board.room(Standing::Failing, self.shared.caps) > 0 {
            *board.taken(self.standing) -= 1;
            *board.taken(Standing::Failing) += 1;
            self.standing = Standing::Failing;
            self.shared.freed.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut board = self.shared.board();
        *board.taken(self.standing) -= 1;
        match board.hosts.get_mut(&self.host) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => drop(board.hosts.remove(&self.host)),
        }
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
    fn taken(&mut self, standing: Standing) -> &mut u32 {
        match standing {
            Standing::Proven => &mut self.proven,
            Standing::New => &mut self.new,
            Standing::Failing => &mut self.failing,
        }
    }

    /// A quarter of the places is kept for the proven, a quarter for the new, half for those that fail or hang.
    fn room(&self, standing: Standing, caps: Caps) -> u32 {
        let quarter = (caps.at_once / 4).max(1);
        match standing {
            Standing::Proven => quarter.saturating_sub(self.proven),
            Standing::New => quarter.saturating_sub(self.new),
            Standing::Failing => caps.at_once.saturating_sub(2 * quarter).max(1).saturating_sub(self.failing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(at_once: u32, host: u32) -> Places {
        Places::new(Caps { at_once, host, subscription: 8 })
    }

    fn rooms(places: &Places) -> [u32; 3] {
        Standing::ALL.map(|standing| places.room(standing))
    }

    fn taken(places: &Places, standing: Standing, host: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.take(standing, host)).collect()
    }

    #[test]
    fn each_standing_has_its_share_and_none_takes_the_others() {
        let places = places(8, 100);
        let failing = taken(&places, Standing::Failing, "dead");
        assert_eq!((failing.len(), rooms(&places)), (4, [2, 2, 0]));
        let new = taken(&places, Standing::New, "new");
        let proven = taken(&places, Standing::Proven, "good");
        assert_eq!((new.len(), proven.len(), rooms(&places)), (2, 2, [0, 0, 0]));
        drop(proven);
        assert_eq!(rooms(&places), [2, 0, 0]);
        drop((failing, new));
        assert_eq!(rooms(&places), [2, 2, 4]);
        assert!(places.0.board().hosts.is_empty());
    }

    #[test]
    fn whoever_takes_its_time_gives_way_while_there_is_room() {
        let places = places(4, 100);
        let mut failing = taken(&places, Standing::Failing, "dead");
        let mut first = places.take(Standing::Proven, "slow").unwrap();
        first.give_way(); // nowhere to go
        assert_eq!(rooms(&places), [0, 1, 0]);
        failing.pop();
        first.give_way();
        first.give_way();
        assert_eq!(rooms(&places), [1, 1, 0]);
        let mut new = places.take(Standing::New, "new").unwrap();
        drop(first);
        new.give_way();
        assert_eq!(rooms(&places), [1, 1, 0]);
    }

    #[test]
    fn a_host_takes_so_many_of_all_standings_together() {
        let places = places(100, 2);
        let held =
            [places.take(Standing::Proven, "a").unwrap(), places.take(Standing::Failing, "a").unwrap()];
        assert!(places.take(Standing::New, "a").is_none() && places.take(Standing::New, "b").is_some());
        assert_eq!(places.full_hosts(), ["a"]);
        drop(held);
        assert!(places.full_hosts().is_empty() && places.take(Standing::New, "a").is_some());
    }

    #[test]
    fn the_smallest_has_a_place_for_each() {
        assert_eq!(rooms(&places(1, 1)), [1, 1, 1]);
    }
}
