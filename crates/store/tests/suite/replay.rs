//! A market lives for a thousand tasks; then the process begins anew, and every decision is made again from what is
//! stored, to the byte.

use crate::support::{LETTER, World, done};
use chrono::TimeDelta;
use gavel_candidates::{Candidates, stored};
use gavel_domain::agent::{Agent, Visibility};
use gavel_domain::invitation::{Invitation, Outcome};
use gavel_domain::task::{Task, Wishes};
use gavel_domain::{AccountId, AgentId, InvitationId, Money, Ppm, TaskId};
use gavel_store::arrivals::Arrivals;
use gavel_store::rounds::{FirstSends, NewRound};
use gavel_store::scores::{Judged, NewVerdict};
use gavel_store::{Claimed, Opening, Store};
use gavel_triage::{Reason, Rules, document, thompson};
use std::collections::BTreeSet;
use std::sync::Arc;

/// On each engine.
const TASKS: u64 = 1_000;
const AGENTS: u64 = 40;
const CATEGORIES: [&str; 2] = ["content-writing", "translation"];

/// One category is decided by lanes, the other by values.
fn rules() -> Arc<Rules> {
    let opened = BTreeSet::from([CATEGORIES[1].to_owned()]);
    Arc::new(Rules::default().opened(thompson::Policy::default(), opened).unwrap())
}

async fn opened(url: &str) -> Store {
    Store::open_as(url, &Opening { rules: rules(), ..Opening::default() }).await.unwrap()
}

/// Chance that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

struct Market {
    world: World,
    candidates: Candidates,
    agents: Vec<Agent>,
    buyer: AccountId,
    dice: Dice,
    tasks: Vec<TaskId>,
}

impl Market {
    async fn opens(url: &str) -> Market {
        let store = opened(url).await;
        let world = World::over(store.clone(), url);
        let mut agents = Vec::new();
        for n in 0..AGENTS {
            let developer = match n % 5 {
                0 => world.developer(&format!("dev-{n}")).await,
                _ => world
                    .store
                    .developer_of(world.account(&format!("dev-{}", n - n % 5)).await)
                    .await
                    .unwrap()
                    .unwrap(),
            };
            let agent = Agent {
                capabilities: CATEGORIES.map(str::to_owned).into_iter().take(1 + n as usize % 2).collect(),
                specialist_task_types: if n % 7 == 0 { vec!["blog-post".to_owned()] } else { Vec::new() },
                visibility: if n % 11 == 0 { Visibility::Beta } else { Visibility::Live },
                min_price: Money::from_minor(i64::try_from(n % 3).unwrap() * 900),
                max_concurrency: 2 + u32::try_from(n % 3).unwrap(),
                ..world.new_agent(&developer, &format!("agent-{n}"))
            };
            world.store.add_agent(&agent, b"sealed secret").await.unwrap();
            agents.push(agent);
        }
        let buyer = world.account("buyer").await;
        let candidates = Candidates::new(store, rules(), true);
        Market { world, candidates, agents, buyer, dice: Dice(7), tasks: Vec::new() }
    }

    async fn lives(&mut self, tasks: u64) {
        for n in 0..tasks {
            self.world.clock.advance(TimeDelta::minutes(10 + i64::try_from(self.dice.below(120)).unwrap()));
            self.one_task().await;
            if n % 25 == 0 {
                self.somebody_changes().await;
            }
        }
    }

    async fn one_task(&mut self) {
        let wanted = self.task();
        self.world.store.create_task(&wanted).await.unwrap();
        let (now, seed) = (self.world.now(), self.dice.below(u64::MAX >> 33));
        let decision = self.candidates.decide(&wanted, seed, now).await.unwrap();
        let kept = decision.stored();
        let claimed = self.world.claim().await;
        self.tasks.push(wanted.id);
        if decision.record.chosen.is_empty() {
            done(self.world.store.nobody_eligible(claimed, &kept, now).await.unwrap());
            return self.candidates.noted(&wanted, &decision, now).await;
        }
        let invitations: Vec<Invitation> = decision
            .record
            .chosen
            .iter()
            .map(|chosen| self.invitation(&wanted, chosen.agent.parse().unwrap(), chosen.boosted))
            .collect();
        let round = NewRound {
            decision: kept,
            invitations: invitations.clone(),
            letter: LETTER.to_owned(),
            phase_deadline: now + TimeDelta::seconds(420),
            under_supplied: decision.record.under_supplied,
        };
        let recorded = self.world.store.record_round(claimed, round, |_| FirstSends::default(), now).await;
        self.candidates.noted(&wanted, &decision, now).await;
        self.answered(done(recorded.unwrap()).claimed, &invitations).await;
    }

    fn task(&mut self) -> Task {
        let mut task = self.world.new_task(self.buyer);
        CATEGORIES[self.dice.below(2) as usize].clone_into(&mut task.brief.category);
        ["blog-post", "ad-copy"][self.dice.below(2) as usize].clone_into(&mut task.brief.task_type);
        task.budget = Money::from_minor(500 + i64::try_from(self.dice.below(12_000)).unwrap());
        task.wishes = Wishes { experimentation_milli: 300, ..Wishes::default() };
        if self.dice.below(4) == 0 {
            task.wishes.min_bids = Some(4);
            task.wishes.routing.ignore = vec!["agent-3".to_owned()];
        }
        task
    }

    fn invitation(&self, task: &Task, agent: AgentId, boosted: bool) -> Invitation {
        let now = self.world.now();
        Invitation {
            id: InvitationId::new(now, &self.world.chance),
            task: task.id,
            round: 1,
            agent,
            created_at: now,
            deadline_at: now + TimeDelta::seconds(120),
            deadline_is_own_limit: true,
            boosted,
            ended: None,
        }
    }

    /// Agents do what agents do; now and then a call stays open for long.
    async fn answered(&mut self, claimed: Claimed, invitations: &[Invitation]) {
        let (mut ended, mut judged) = (Vec::new(), Vec::new());
        for invitation in invitations {
            let outcome = match self.dice.below(12) {
                0 => Outcome::Timeout,
                1 => Outcome::Declined,
                2 => Outcome::ServerError,
                _ => Outcome::Valid,
            };
            let mut one = self.world.ended(invitation, outcome);
            if let Some(bid) = &mut one.bid {
                bid.answer.price = Money::from_minor(claimed.task().budget.minor() / 2);
                let agent = self.agents.iter().position(|agent| agent.id == invitation.agent).unwrap();
                let quality = 550_000 + 10_000 * u32::try_from(agent).unwrap();
                let score =
                    Ppm::new((quality + u32::try_from(self.dice.below(90_000)).unwrap()).min(1_000_000));
                let verdict = NewVerdict {
                    judge: "embedded-1".to_owned(),
                    composite: score,
                    document: r#"{"composite":1}"#.to_owned(),
                };
                judged.push(Judged { bid: bid.id, agent: bid.agent, agent_slug: "slug".to_owned(), verdict });
            }
            ended.push(one);
        }
        let (now, stays_open) = (self.world.now(), self.dice.below(20) == 0);
        if stays_open {
            ended.clear();
            judged.clear();
        }
        let best =
            judged.iter().max_by_key(|one| one.verdict.composite).map(|one| (claimed.task().id, one.bid));
        done(self.world.store.keep(&claimed, &Arrivals { ended, judged }, now).await.unwrap());
        if !stays_open {
            self.world.close(&claimed, Outcome::Late, now + TimeDelta::days(7)).await;
        }
        if let Some((task, bid)) = best.filter(|_| self.dice.below(3) > 0) {
            assert!(self.world.store.select(task, bid, now).await.unwrap().is_ok());
        }
        // Nobody goes on with it here.
        self.world
            .execute("UPDATE tasks SET ready_at = NULL, lease_until = NULL WHERE state <> 'open'")
            .await;
    }

    async fn somebody_changes(&mut self) {
        let at = usize::try_from(self.dice.below(AGENTS)).unwrap();
        let agent = &mut self.agents[at];
        agent.paused = !agent.paused;
        self.world.store.update_agent(agent, self.world.now()).await.unwrap();
    }
}

async fn all_are_made_again(store: &Store, tasks: &[TaskId]) {
    let mut policies = BTreeSet::new();
    for task in tasks {
        let kept = stored(store, *task, 1).await.unwrap().unwrap();
        let again = kept.replay().unwrap_or_else(|error| panic!("{task}: {error}"));
        assert_eq!(document(&again).unwrap(), kept.document, "{task}");
        let table = kept.table().unwrap();
        let record = kept.record().unwrap();
        assert_eq!(record.reasons.values().sum::<u64>(), table.len() as u64);
        let chosen = table.iter().filter(|row| row.reason == Reason::Chosen).count();
        assert_eq!(chosen, record.chosen.len());
        policies.insert(record.policy.name());
    }
    assert_eq!(policies.into_iter().collect::<Vec<_>>(), ["aitasker-v1", "thompson", "uniform"]);
}

async fn lives_and_is_told_again(url: &str, tasks: u64) {
    let mut market = Market::opens(url).await;
    market.lives(tasks).await;
    let tasks = std::mem::take(&mut market.tasks);
    market.world.store.close().await;
    drop(market);
    let store = opened(url).await;
    all_are_made_again(&store, &tasks).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_decisions_are_made_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("gavel.db").display());
    lives_and_is_told_again(&url, TASKS).await;
    if let Some(server) = gavel_testkit::postgres::server() {
        lives_and_is_told_again(&server.create_database("replay"), TASKS).await;
    }
}
