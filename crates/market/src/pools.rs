//! The shipped pools, one for each category, kept up as the product keeps them: agents come and go, and of whom
//! something was learnt is looked at again.

use crate::books::Books;
use crate::choose::Rules;
use crate::desk::{candidate, id};
use crate::model::CATEGORIES;
use crate::world::World;
use gavel_triage::Pool;
use std::sync::Arc;

/// The pools under one policy. Only `aitasker-v1` decides by them; for others they stay empty.
pub(crate) struct Pools {
    pools: Vec<Pool>,
    /// How many of the world's agents have come.
    come: usize,
    /// Agents by when they go, the next one last.
    going: Vec<usize>,
}

impl Pools {
    pub(crate) fn new(world: &World, rules: &Rules) -> Pools {
        let mut going: Vec<usize> = (0..world.agents.len()).collect();
        going.sort_by_key(|index| std::cmp::Reverse(world.agents[*index].goes_at));
        let pools = (0..CATEGORIES).map(|_| Pool::new(Arc::clone(&rules.v1)));
        Pools { pools: pools.collect(), come: 0, going }
    }

    /// The pool of a category as it is now.
    pub(crate) fn at(
        &mut self,
        world: &World,
        books: &mut Books,
        rules: &Rules,
        (now, category): (i64, usize),
    ) -> &mut Pool {
        let touched = books.take_touched();
        let came = world.agents[self.come..].iter().take_while(|agent| agent.comes_at <= now).count();
        let newcomers = self.come..self.come + came;
        self.come += came;
        for index in newcomers.chain(touched) {
            self.set(world, books, rules, index);
        }
        while let Some(index) = self.going.pop_if(|index| world.agents[*index].goes_at <= now) {
            for home in &world.agents[index].homes {
                self.pools[home.category].remove(&id(index));
            }
        }
        &mut self.pools[category]
    }

    /// An account's agents may have gone, or not have come yet, when something is learnt of the account.
    fn set(&mut self, world: &World, books: &Books, rules: &Rules, index: usize) {
        let agent = &world.agents[index];
        let here = index < self.come && self.going_at(world).is_none_or(|next| next <= agent.goes_at);
        if here {
            for home in 0..agent.homes.len() {
                let candidate = candidate(world, books, rules, index, home);
                self.pools[agent.homes[home].category].set(candidate);
            }
        }
    }

    /// When the next one goes.
    fn going_at(&self, world: &World) -> Option<i64> {
        self.going.last().map(|index| world.agents[*index].goes_at)
    }
}
