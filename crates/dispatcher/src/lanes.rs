//! Who may call now: an agent is never sent more at once than it declared, a developer's agents, a host and all agents
//! together are capped too, and buyers take turns. Calls that must wait do so here, inside their own deadline.

use gavel_domain::{AccountId, AgentId, DeveloperId};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The most calls at once, beside what each agent declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// To all agents of one developer.
    pub developer: u32,
    /// To one host, whoever's agents live there.
    pub host: u32,
    /// To all agents: sockets and memory are ours.
    pub global: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Caps { developer: 64, host: 64, global: 4_096 }
    }
}

/// A wish for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who is called.
    pub agent: AgentId,
    /// How many calls it takes at once.
    pub agent_max: u32,
    /// Whose agent it is.
    pub developer: DeveloperId,
    /// Where it lives.
    pub host: String,
    /// Whose task it is for: buyers take turns.
    pub buyer: AccountId,
}

/// The calls under way of this process, and those that wait.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    caps: Caps,
    board: Mutex<Board>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    ask: Ask,
}

/// What is taken, and who waits: only counts above zero and queues that are not empty are kept.
#[derive(Debug, Default)]
struct Board {
    all: u32,
    agents: HashMap<AgentId, u32>,
    developers: HashMap<DeveloperId, u32>,
    hosts: HashMap<String, u32>,
    /// The buyer whose turn it is stands first.
    waiting: VecDeque<(AccountId, VecDeque<Waiter>)>,
}

#[derive(Debug)]
struct Waiter {
    ask: Ask,
    tell: oneshot::Sender<Place>,
}

impl Lanes {
    /// No call under way.
    pub fn new(caps: Caps) -> Self {
        Self(Arc::new(Shared { caps, board: Mutex::default() }))
    }

    /// A place, if there is one at this moment.
    pub fn try_place(&self, ask: &Ask) -> Option<Place> {
        let mut board = self.0.board();
        board.has_room(ask, self.0.caps).then(|| self.0.clone().take(&mut board, ask.clone()))
    }

    /// Waits for a place. Dropping the future gives the turn up.
    pub async fn place(&self, ask: &Ask) -> Place {
        let turn = {
            let mut board = self.0.board();
            if board.has_room(ask, self.0.caps) {
                return Arc::clone(&self.0).take(&mut board, ask.clone());
            }
            board.queue(ask.clone())
        };
        match turn.await {
            Ok(place) => place,
            // The sender lives in the board, which lives as long as we do.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// Calls under way.
    pub fn under_way(&self) -> u32 {
        self.0.board().all
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        // Counts stay whole whatever happened to the thread that held them.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: Arc<Self>, board: &mut Board, ask: Ask) -> Place {
        board.count(&ask);
        Place { shared: self, ask }
    }

    /// Gives places to those who wait, by turns, until nobody who waits has room.
    fn admit(self: &Arc<Self>) {
        loop {
            let next = {
                let mut board = self.board();
                let waiter = board.next(self.caps);
                waiter.map(|waiter| (Arc::clone(self).take(&mut board, waiter.ask), waiter.tell))
            };
            match next {
                // Who went away meanwhile gives the place back at once: its drop comes here again, unlocked.
                Some((place, tell)) => drop(tell.send(place)),
                None => return,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.board().release(&self.ask);
        self.shared.admit();
    }
}

impl Board {
    fn has_room(&self, ask: &Ask, caps: Caps) -> bool {
        let of = |count: Option<&u32>| count.copied().unwrap_or(0);
        self.all < caps.global
            && of(self.agents.get(&ask.agent)) < ask.agent_max.max(1)
            && of(self.developers.get(&ask.developer)) < caps.developer
            && of(self.hosts.get(&ask.host)) < caps.host
    }

    fn count(&mut self, ask: &Ask) {
        self.all += 1;
        *self.agents.entry(ask.agent).or_default() += 1;
        *self.developers.entry(ask.developer).or_default() += 1;
        *self.hosts.entry(ask.host.clone()).or_default() += 1;
    }

    fn release(&mut self, ask: &Ask) {
        self.all -= 1;
        one_less(&mut self.agents, &ask.agent);
        one_less(&mut self.developers, &ask.developer);
        one_less(&mut self.hosts, &ask.host);
    }

    fn queue(&mut self, ask: Ask) -> oneshot::Receiver<Place> {
        let (tell, turn) = oneshot::channel();
        let buyer = ask.buyer;
        let waiter = Waiter { ask, tell };
        match self.waiting.iter_mut().find(|(known, _)| *known == buyer) {
            Some((_, queue)) => queue.push_back(waiter),
            None => self.waiting.push_back((buyer, VecDeque::from([waiter]))),
        }
        turn
    }

    /// The first of those who wait for whom there is room; its buyer then stands last. Who went away is forgotten.
    fn next(&mut self, caps: Caps) -> Option<Waiter> {
        for (_, queue) in &mut self.waiting {
            queue.retain(|waiter| !waiter.tell.is_closed());
        }
        self.waiting.retain(|(_, queue)| !queue.is_empty());
        let ready = |queue: &VecDeque<Waiter>| queue.iter().position(|w| self.has_room(&w.ask, caps));
        let (buyer, position) =
            self.waiting.iter().enumerate().find_map(|(n, (_, queue))| Some((n, ready(queue)?)))?;
        let (account, mut queue) = self.waiting.remove(buyer)?;
        let waiter = queue.remove(position)?;
        if !queue.is_empty() {
            self.waiting.push_back((account, queue));
        }
        Some(waiter)
    }
}

fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::pin::Pin;
    use uuid::Uuid;

    fn ask(agent: u128, developer: u128, host: &str, buyer: u128) -> Ask {
        Ask {
            agent: AgentId::from_uuid(Uuid::from_u128(agent)),
            agent_max: 2,
            developer: DeveloperId::from_uuid(Uuid::from_u128(developer)),
            host: host.to_owned(),
            buyer: AccountId::from_uuid(Uuid::from_u128(buyer)),
        }
    }

    type Turn<'a> = Pin<Box<dyn Future<Output = Place> + 'a>>;

    fn waiting<'a>(lanes: &'a Lanes, ask: &'a Ask) -> Turn<'a> {
        let mut turn: Turn<'a> = Box::pin(lanes.place(ask));
        assert!(turn.as_mut().now_or_never().is_none(), "there was room for {ask:?}");
        turn
    }

    fn has_it(turn: &mut Turn<'_>) -> bool {
        turn.as_mut().now_or_never().is_some_and(|place| {
            std::mem::forget(place); // it stays taken
            true
        })
    }

    #[test]
    fn each_cap_holds_and_none_hinders_others() {
        let caps = Caps { developer: 3, host: 4, global: 6 };
        let lanes = Lanes::new(caps);
        let mut places = Vec::new();
        let mut check = |ask: Ask, room: bool| {
            let place = lanes.try_place(&ask);
            assert_eq!(place.is_some(), room, "{ask:?}");
            places.extend(place);
        };
        check(ask(1, 1, "a", 1), true);
        check(ask(1, 1, "a", 1), true);
        check(ask(1, 1, "a", 1), false); // the agent takes two
        check(ask(2, 1, "a", 1), true);
        check(ask(3, 1, "b", 1), false); // the developer has three
        check(ask(4, 2, "a", 1), true);
        check(ask(5, 3, "a", 1), false); // the host has four
        check(ask(5, 3, "b", 1), true);
        check(ask(6, 4, "c", 1), true);
        check(ask(7, 5, "d", 1), false); // all together are six
        assert_eq!(lanes.under_way(), 6);
        places.clear();
        assert_eq!(lanes.under_way(), 0);
        let board = lanes.0.board();
        assert!(board.agents.is_empty() && board.developers.is_empty() && board.hosts.is_empty());
    }

    #[test]
    fn an_agent_that_now_takes_fewer_is_sent_fewer() {
        let lanes = Lanes::default();
        let (more, fewer) = (ask(1, 1, "a", 1), Ask { agent_max: 1, ..ask(1, 1, "a", 1) });
        let first = lanes.try_place(&more).unwrap();
        let second = lanes.try_place(&more).unwrap();
        assert!(lanes.try_place(&fewer).is_none());
        drop(first);
        assert!(lanes.try_place(&fewer).is_none() && lanes.try_place(&more).is_some());
        drop(second);
        assert!(lanes.try_place(&fewer).is_some());
    }

    #[test]
    fn buyers_take_turns_and_none_jumps_its_own_queue() {
        let lanes = Lanes::new(Caps { global: 1, ..Caps::default() });
        let asks = [ask(1, 1, "a", 1), ask(2, 1, "a", 1), ask(3, 1, "a", 1), ask(4, 2, "b", 2)];
        let held = lanes.try_place(&ask(9, 9, "z", 9)).unwrap();
        let mut turns: Vec<Turn<'_>> = asks.iter().map(|ask| waiting(&lanes, ask)).collect();
        drop(held);
        let mut order = Vec::new();
        for _ in 0..4 {
            let place = turns.iter_mut().enumerate().find_map(|(n, turn)| {
                let done = order.contains(&n);
                (!done).then(|| turn.as_mut().now_or_never().map(|place| (n, place)))?
            });
            let (n, place) = place.expect("somebody has the free place");
            order.push(n);
            drop(place);
        }
        assert_eq!(order, [0, 3, 1, 2], "the second buyer's only call does not wait for all of the first's");
    }

    #[test]
    fn who_goes_away_gives_its_turn_and_its_place_up() {
        let lanes = Lanes::new(Caps { global: 1, ..Caps::default() });
        let asks = [ask(1, 1, "a", 1), ask(2, 1, "a", 2), ask(3, 1, "a", 3)];
        let held = lanes.try_place(&ask(9, 9, "z", 9)).unwrap();
        let mut turns: Vec<Turn<'_>> = asks.iter().map(|ask| waiting(&lanes, ask)).collect();
        drop(turns.remove(0)); // before its turn
        drop(held);
        drop(turns.remove(0)); // with the place already on its way
        assert!(has_it(&mut turns[0]), "the last one has it");
        assert_eq!(lanes.under_way(), 1);
    }

    #[test]
    fn a_call_that_must_wait_does_not_stop_those_behind_it() {
        let lanes = Lanes::new(Caps { global: 3, ..Caps::default() });
        let busy =
            [lanes.try_place(&ask(1, 1, "a", 1)).unwrap(), lanes.try_place(&ask(1, 1, "a", 1)).unwrap()];
        let other = lanes.try_place(&ask(2, 2, "b", 1)).unwrap();
        let (blocked, free) = (ask(1, 1, "a", 1), ask(3, 3, "c", 1));
        let (mut first, mut second) = (waiting(&lanes, &blocked), waiting(&lanes, &free));
        drop(other);
        assert!(!has_it(&mut first) && has_it(&mut second));
        drop(busy);
        assert!(has_it(&mut first));
    }
}
