//! One file, from its first step to its end.

use super::client::Answer;
use super::format::{Ledger, Scenario, Step, View};
use super::seen::{Seen, named};
use super::world::World;
use super::{calls, coverage, record};
use anyhow::{Context as _, Result, bail, ensure};
use gavel_domain::event::EventKind;
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longer than anything here takes; who waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(20);
/// More events than any of these tasks has.
const EVENTS: i64 = 1000;
/// A bid that does not exist.
const NOBODY: &str = "nobody";
const NOBODYS_BID: &str = "01890000-0000-7000-8000-000000000000";

/// Plays a file; the error says which step or which part of the end is not as written.
pub(crate) async fn play(scenario: &Scenario) -> Result<()> {
    let world = World::start(scenario).await?;
    let mut play = Play {
        world,
        body: scenario.task.clone(),
        task: None,
        names: BTreeMap::new(),
        cells: BTreeSet::new(),
    };
    for (number, step) in scenario.steps.iter().enumerate() {
        play.step(step).await.with_context(|| format!("step {} {step:?}", number + 1))?;
    }
    play.end(scenario).await?;
    play.world.stop().await;
    Ok(())
}

struct Play {
    world: World,
    /// The body of `POST /tasks`.
    body: Value,
    task: Option<String>,
    /// What a race calls its agents: winner and loser.
    names: BTreeMap<String, String>,
    /// State and action, as they met.
    cells: BTreeSet<String>,
}

impl Play {
    async fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Wait(view) => self.wait(view).await,
            Step::Check(view) => self.check(view).await,
            Step::Restart { looping } => {
                self.meet("restart").await?;
                self.world.restart(*looping).await
            }
            Step::StartByHand {} => self.world.start_by_hand().await,
            Step::Race { of, losers } => self.race(of, losers).await,
            Step::Post { expect, .. } => {
                let (action, expect) = (self.action(step).await?, expect.as_deref());
                let posted = action.await?.must_be(expect)?;
                self.posted(&posted)
            }
            Step::Select { expect, .. } => self.act("select", step, expect).await,
            Step::Cancel { expect } => self.act("cancel", step, expect).await,
            Step::Approve { expect } => self.act("approve", step, expect).await,
            Step::Revision { expect, .. } => self.act("revision", step, expect).await,
        }
    }

    async fn act(&mut self, name: &str, step: &Step, expect: &Option<String>) -> Result<()> {
        self.meet(name).await?;
        self.action(step).await?.await?.must_be(expect.as_deref())?;
        Ok(())
    }

    /// Notes in which state an action meets the task.
    async fn meet(&mut self, action: &str) -> Result<()> {
        let state = self.look().await?.state;
        self.cells.insert(coverage::cell_claim(&state, action));
        Ok(())
    }

    /// The call of a buyer's step, ready to be made.
    async fn action(&self, step: &Step) -> Result<impl Future<Output = Result<Answer>> + use<>> {
        let (path, key, body) = match step {
            Step::Post { key, .. } => ("/tasks".to_owned(), key, self.body.clone()),
            Step::Select { bid, key, .. } => {
                (self.path(&format!("/bids/{}/select", self.bid(bid).await?))?, key, json!({}))
            }
            Step::Cancel { .. } => (self.path("/cancel")?, &None, json!({})),
            Step::Approve { .. } => (self.path("/delivery/approve")?, &None, json!({})),
            Step::Revision { notes, .. } => {
                (self.path("/delivery/revision")?, &None, json!({ "notes": notes }))
            }
            other => bail!("{other:?} is no call"),
        };
        let (buyer, key) = (self.world.buyer.clone(), key.clone());
        Ok(async move { buyer.post(&path, key.as_deref(), &body).await })
    }

    /// All at the same moment: one wins, the others get the answer of those who come second.
    async fn race(&mut self, of: &[Step], losers: &str) -> Result<()> {
        let mut actions = Vec::new();
        for step in of {
            actions.push(self.action(step).await?);
        }
        let answers: Vec<Answer> = futures::future::try_join_all(actions).await?;
        let words: Vec<String> = answers.iter().map(Answer::word).collect();
        let winners = words.iter().filter(|word| *word != losers).count();
        ensure!(winners == 1, "not exactly one won: {words:?}");
        for (step, answer) in of.iter().zip(answers) {
            self.raced(step, answer, losers)?;
        }
        Ok(())
    }

    fn raced(&mut self, step: &Step, answer: Answer, losers: &str) -> Result<()> {
        let won = answer.word() != losers;
        ensure!(!won || answer.succeeded(), "nobody won: {}", answer.word());
        match step {
            Step::Post { .. } => self.posted(&answer.value()?)?,
            Step::Select { bid, .. } if won => drop(self.names.insert(bid.clone(), "winner".to_owned())),
            Step::Select { bid, .. } => drop(self.names.entry(bid.clone()).or_insert("loser".to_owned())),
            _ => {}
        }
        Ok(())
    }

    /// However often a task is posted, it is the same one.
    fn posted(&mut self, answer: &Value) -> Result<()> {
        let id = answer["id"].as_str().context("a posted task has an id")?.to_owned();
        ensure!(self.task.as_ref().is_none_or(|known| *known == id), "another task was made: {id}");
        self.task = Some(id);
        Ok(())
    }

    async fn wait(&self, view: &View) -> Result<()> {
        self.until(|seen| seen.differs_from(view)).await?;
        Ok(())
    }

    async fn check(&self, view: &View) -> Result<()> {
        let differences = self.look().await?.differs_from(view);
        ensure!(differences.is_empty(), "{}", differences.join("; "));
        Ok(())
    }

    /// Looks until nothing differs any more; what was seen then.
    async fn until(&self, differences: impl Fn(&Seen) -> Vec<String>) -> Result<Seen> {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.look().await?;
            let differs = differences(&seen);
            if differs.is_empty() {
                return Ok(seen);
            }
            ensure!(Instant::now() < until, "after {} s: {}", PATIENCE.as_secs(), differs.join("; "));
            sleep(LOOK).await;
        }
    }

    async fn look(&self) -> Result<Seen> {
        Seen::look(&self.world, self.task()?, &self.names).await
    }

    fn task(&self) -> Result<&str> {
        self.task.as_deref().context("nothing was posted yet")
    }

    fn path(&self, rest: &str) -> Result<String> {
        Ok(format!("/tasks/{}{rest}", self.task()?))
    }

    async fn bid(&self, agent: &str) -> Result<String> {
        if agent == NOBODY {
            return Ok(NOBODYS_BID.to_owned());
        }
        let seen = self.look().await?;
        seen.bid_ids.get(&named(&self.names, agent)).cloned().with_context(|| format!("{agent} has no bid"))
    }

    /// Everything the file says of the end, and what holds of every end.
    async fn end(&self, scenario: &Scenario) -> Result<()> {
        let then = &scenario.then;
        let seen = self.until(|seen| seen.differs_from_end(then)).await.context("then")?;
        for agent in &scenario.agents {
            let name = named(&self.names, &agent.slug);
            let outcome = seen.outcomes.get(&name).and_then(Option::as_deref);
            let agrees = async {
                calls::check(&self.world, self.task()?, agent, name == "winner")?;
                record::check(&self.world, &agent.slug, outcome, then.reliability.get(&agent.slug)).await
            };
            agrees.await.with_context(|| format!("agent {}", agent.slug))?;
        }
        self.explained(&then.explain).await?;
        self.history(&seen).await?;
        self.nothing_is_left_open(&seen).await?;
        self.nothing_else_happened(&then.ledger).await?;
        self.proven(scenario, &seen)
    }

    /// There is one task, and no money moved but its own.
    async fn nothing_else_happened(&self, expected: &Ledger) -> Result<()> {
        let tasks = self.world.buyer.get("/tasks").await?.value()?;
        ensure!(tasks["tasks"].as_array().is_some_and(|tasks| tasks.len() == 1), "not one task: {tasks}");
        let report = self.world.gavel()?.store.verify_ledger("USD").await?;
        ensure!(report.transfers == expected.transfers.len() as u64, "{} transfers of all", report.transfers);
        Ok(())
    }

    async fn explained(&self, expected: &BTreeMap<String, String>) -> Result<()> {
        let explain = self.world.buyer.get(&self.path("/explain")?).await?.value()?;
        let candidates = explain["rounds"][0]["candidates"].as_array().cloned().unwrap_or_default();
        for (agent, reason) in expected {
            let candidate = candidates.iter().find(|candidate| candidate["agent"] == agent.as_str());
            let given = candidate.map(|candidate| &candidate["reason"]);
            ensure!(
                given.is_some_and(|given| given == reason),
                "{agent}: the reason is {given:?}, not {reason}"
            );
        }
        Ok(())
    }

    /// Events are numbered without a gap, every change of state is one that the lifecycle knows, and every outcome is
    /// told once.
    async fn history(&self, seen: &Seen) -> Result<()> {
        let events = self.world.gavel()?.store.events_after(self.task()?.parse()?, 0, EVENTS).await?;
        let ended = seen.outcomes.values().flatten().count();
        let told = events.iter().filter(|event| event.kind == EventKind::Outcome).count();
        ensure!(told == ended, "{told} outcomes were told of {ended}");
        let mut state = None;
        for (number, event) in (1..).zip(&events) {
            ensure!(event.seq == number, "event {number} has the number {}", event.seq);
            if event.kind == EventKind::State {
                ensure!(
                    event.from == state,
                    "event {number} leaves {:?}, the task was {state:?}",
                    event.from
                );
                ensure!(legal(event.from, event.to), "event {number}: {:?} -> {:?}", event.from, event.to);
                state = event.to;
            }
        }
        Ok(())
    }

    /// Once a phase or a task is over, however it ended, no agent is still at work on it.
    async fn nothing_is_left_open(&self, seen: &Seen) -> Result<()> {
        let state: TaskState = seen.state.parse()?;
        if !state.is_final() && state != TaskState::Review {
            return Ok(());
        }
        let busy = |world: &World| -> Vec<String> {
            let open = world.farm.agents().filter(|agent| agent.under_way() > 0);
            open.map(|agent| format!("{} is still called", agent.spec().slug)).collect()
        };
        self.until(|_| busy(&self.world)).await?;
        ensure!(seen.outcomes.values().all(Option::is_some), "an invitation is open: {:?}", seen.outcomes);
        Ok(())
    }

    /// Outcomes and cells that a file claims have happened while it was played.
    fn proven(&self, scenario: &Scenario, seen: &Seen) -> Result<()> {
        let outcomes = seen.outcomes.values().flatten().map(|outcome| coverage::outcome_claim(outcome));
        let happened: BTreeSet<String> = outcomes.chain(self.cells.iter().cloned()).collect();
        let claims = |claim: &&String| claim.starts_with("outcome ") || claim.starts_with("cell ");
        for claim in scenario.covers.iter().filter(claims) {
            ensure!(happened.contains(claim), "covers {claim:?}, but that did not happen; {happened:?} did");
        }
        Ok(())
    }
}

fn legal(from: Option<TaskState>, to: Option<TaskState>) -> bool {
    match (from, to) {
        (None, Some(first)) => first == TaskState::Open,
        (Some(from), Some(to)) => TaskEvent::ALL.into_iter().any(|event| from.after(event) == Ok(to)),
        _ => false,
    }
}
