//! An agent is never sent more calls at once than it declared: further ones wait here, inside their own deadline.

use gavel_domain::AgentId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The calls under way of this process, by agent.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<HashMap<AgentId, Lane>>);

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

/// One agent's places. A few words per agent that was ever called: as bounded as the agents themselves.
#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    /// How many places there are, taken ones included.
    size: u32,
}

impl Lanes {
    /// Waits for a place among the `max` calls that `agent` takes at once. Who came first goes first.
    pub async fn place(&self, agent: AgentId, max: u32) -> Place {
        let places = self.places(agent, max.max(1));
        Place(places.acquire_owned().await.ok()) // never closed
    }

    fn places(&self, agent: AgentId, max: u32) -> Arc<Semaphore> {
        // A map of whole entries stays whole whatever happened to the thread that held it.
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Lane { places: Arc::new(Semaphore::new(max as usize)), size: max };
        let lane = lanes.entry(agent).or_insert_with(fresh);
        lane.resize(max);
        Arc::clone(&lane.places)
    }
}

impl Lane {
    /// The developer declared another number. Places that are taken now cannot be closed; the next call tries again.
    fn resize(&mut self, max: u32) {
        if max > self.size {
            self.places.add_permits((max - self.size) as usize);
            self.size = max;
        } else {
            let closed = self.places.forget_permits((self.size - max) as usize);
            self.size -= u32::try_from(closed).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use gavel_testkit::SeededChance;

    fn free(lanes: &Lanes, agent: AgentId, max: u32) -> Option<Place> {
        lanes.place(agent, max).now_or_never()
    }

    #[test]
    fn places_are_counted_per_agent_and_follow_what_it_declares() {
        let lanes = Lanes::default();
        let agent = |seed| AgentId::new(chrono::DateTime::UNIX_EPOCH, &SeededChance::new(seed));
        let (one, other) = (agent(1), agent(2));
        let first = free(&lanes, one, 2);
        let second = free(&lanes, one, 2);
        assert!(first.is_some() && second.is_some() && free(&lanes, one, 2).is_none());
        assert!(free(&lanes, other, 1).is_some(), "another agent has places of its own");
        let third = free(&lanes, one, 3);
        assert!(third.is_some(), "it takes one more now");
        assert!(free(&lanes, one, 1).is_none(), "it takes fewer now, and three are under way");
        drop((first, second));
        assert!(free(&lanes, one, 1).is_none(), "one is still under way");
        drop(third);
        assert!(free(&lanes, one, 1).is_some());
    }
}
