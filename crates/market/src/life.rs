//! A policy lives through a market: choose, sell, record, count.

use crate::books::Books;
use crate::choose::{Choice, Rules, choose};
use crate::fate::sell;
use crate::pools::Pools;
use crate::season::Season;
use crate::tally::{Figures, Tally};

/// What a policy made of a market.
pub(crate) fn live(season: &Season, rules: &Rules) -> Figures {
    lived(season, rules).0.figures(season)
}

fn lived(season: &Season, rules: &Rules) -> (Tally, Books) {
    let world = &season.world;
    let mut books = Books::new(world, rules);
    let mut pools = Pools::new(world, rules);
    let mut tally = Tally::new(season);
    for (number, task) in world.tasks.iter().enumerate() {
        books.forget(task.at);
        let asked = choose(Choice { season, number, rules }, &mut books, &mut pools);
        let agents: Vec<usize> = asked.iter().map(|asked| asked.agent).collect();
        let sale = sell(world, number, &agents);
        tally.count(season, number, &agents, &sale, &books);
        books.record(world, task, &asked, &sale);
    }
    (tally, books)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use crate::{Contestant, Kind, Plan, Scenario};

    fn after(contestant: Contestant) -> (Season, Books) {
        let plan = Plan { scenario: Scenario::Gaming, tasks: 1_000, ..Plan::default() };
        let rules = Rules::of(contestant).unwrap();
        let season = Season::of(World::of(&plan, 3), &rules);
        let (_, books) = lived(&season, &rules);
        (season, books)
    }

    #[test]
    fn thompson_finds_out_what_the_market_is_made_of() {
        let (_, books) = after(Contestant::Thompson);
        for category in books.categories {
            // A score is 0.117 off, somewhat less where 1 cuts it off: the best are asked most.
            assert!((0.008..0.016).contains(&category.noise_variance), "{category:?}");
            assert!((0.45..0.75).contains(&category.mean_score), "{category:?}");
        }
    }

    #[test]
    fn no_account_has_more_boosts_than_are_allowed() {
        let (season, books) = after(Contestant::V1);
        let most = season.world.agents.iter().map(|agent| books.boosted(agent.account)).max();
        assert_eq!(
            most,
            Some(gavel_triage::Policy::default().account_boosts_max),
            "the sybils' account is full"
        );
    }

    #[test]
    fn who_never_answers_is_a_challenger_after_ten_dispatches() {
        let (season, books) = after(Contestant::V1);
        let pages = season.world.agents.iter().zip(&books.agents);
        let failing = pages.filter(|(agent, _)| agent.kind == Kind::AlwaysFailing).map(|(_, page)| page);
        let known: Vec<_> = failing.filter(|page| page.real_tasks >= 10).collect();
        assert!(!known.is_empty());
        assert!(known.iter().all(|page| page.homes[0].progress.tier == gavel_triage::Tier::Challenger));
        assert!(known.iter().all(|page| page.reliability().0 == 0));
    }
}
