//! How many deliveries may be under way at once, and to one host. Endpoints that fail, or just take their time, have places
//! of their own, so that a thousand dead ones delay no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The share of all places that is kept for endpoints that are well: one in so many.
const WELL_ONE_IN: u32 = 4;

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

/// Which places a delivery takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// To an endpoint whose last try went well, or that is new: it is expected to answer soon.
    Well,
    /// To an endpoint whose last try failed, or that takes its time with this one.
    Doubtful,
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
    well: u32,
    doubtful: u32,
    hosts: HashMap<String, u32>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    lane: Lane,
    host: String,
}

impl Places {
    pub(super) fn new(caps: Caps) -> Self {
        Self(Arc::new(Shared { caps, board: Mutex::default(), freed: Notify::new() }))
    }

    /// How many more deliveries a lane takes.
    pub(super) fn room(&self, lane: Lane) -> u32 {
        self.0.board().room(lane, self.0.caps)
    }

    /// Hosts that take no more.
    pub(super) fn full_hosts(&self) -> Vec<String> {
        let board = self.0.board();
        let full = board.hosts.iter().filter(|(_, taken)| **taken >= self.0.caps.host);
        full.map(|(host, _)| host.clone()).collect()
    }

    /// A place, if there is one.
    pub(super) fn take(&self, lane: Lane, host: &str) -> Option<Place> {
        let mut board = self.0.board();
        let taken = board.hosts.get(host).copied().unwrap_or(0);
        if board.room(lane, self.0.caps) == 0 || taken >= self.0.caps.host {
            return None;
        }
        *board.lane(lane) += 1;
        board.hosts.insert(host.to_owned(), taken + 1);
        Some(Place { shared: Arc::clone(&self.0), lane, host: host.to_owned() })
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
        if self.lane == Lane::Well && board.room(Lane::Doubtful, self.shared.caps) > 0 {
            board.well -= 1;
            board.doubtful += 1;
            self.lane = Lane::Doubtful;
            self.shared.freed.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut board = self.shared.board();
        *board.lane(self.lane) -= 1;
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
    fn lane(&mut self, lane: Lane) -> &mut u32 {
        match lane {
            Lane::Well => &mut self.well,
            Lane::Doubtful => &mut self.doubtful,
        }
    }

    fn room(&self, lane: Lane, caps: Caps) -> u32 {
        let well = (caps.at_once / WELL_ONE_IN).max(1);
        match lane {
            Lane::Well => well.saturating_sub(self.well),
            Lane::Doubtful => caps.at_once.saturating_sub(well).max(1).saturating_sub(self.doubtful),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(at_once: u32, host: u32) -> Places {
        Places::new(Caps { at_once, host, subscription: 8 })
    }

    #[test]
    fn each_lane_has_its_share_and_neither_takes_the_others() {
        let places = places(8, 100);
        let mut held: Vec<_> = (0..10).filter_map(|_| places.take(Lane::Doubtful, "dead")).collect();
        assert_eq!((held.len(), places.room(Lane::Well)), (6, 2));
        held.extend((0..10).filter_map(|_| places.take(Lane::Well, "good")));
        assert_eq!(held.len(), 8, "all together are what is allowed");
        held.truncate(6);
        assert_eq!((places.room(Lane::Well), places.room(Lane::Doubtful)), (2, 0));
        drop(held);
        assert_eq!((places.room(Lane::Well), places.room(Lane::Doubtful)), (2, 6));
        assert!(places.0.board().hosts.is_empty());
    }

    #[test]
    fn whoever_takes_its_time_gives_way_while_there_is_room() {
        let places = places(4, 100);
        let doubtful: Vec<_> = (0..2).filter_map(|_| places.take(Lane::Doubtful, "dead")).collect();
        let mut first = places.take(Lane::Well, "slow").unwrap();
        assert!(places.take(Lane::Well, "good").is_none());
        first.give_way();
        let mut second = places.take(Lane::Well, "slow").unwrap();
        second.give_way(); // nowhere to go
        assert_eq!((places.room(Lane::Well), places.room(Lane::Doubtful)), (0, 0));
        drop((first, doubtful));
        second.give_way();
        second.give_way();
        assert_eq!((places.room(Lane::Well), places.room(Lane::Doubtful)), (1, 2));
    }

    #[test]
    fn a_host_takes_so_many_in_both_lanes_together() {
        let places = places(100, 2);
        let held = [places.take(Lane::Well, "a").unwrap(), places.take(Lane::Doubtful, "a").unwrap()];
        assert!(places.take(Lane::Well, "a").is_none() && places.take(Lane::Well, "b").is_some());
        assert_eq!(places.full_hosts(), ["a"]);
        drop(held);
        assert!(places.full_hosts().is_empty() && places.take(Lane::Well, "a").is_some());
    }

    #[test]
    fn the_smallest_has_a_place_for_each() {
        let places = places(1, 1);
        assert_eq!((places.room(Lane::Well), places.room(Lane::Doubtful)), (1, 1));
    }
}
