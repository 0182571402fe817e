//! One file, from its first step to its end.

use super::acting;
use super::callback::Callback;
use super::client::Answer;
use super::format::{Act, Agent, Ledger, Scenario, Step, Then, View};
use super::seen::{self, Seen, named};
use super::world::{LOOK, PATIENCE, World};
use super::{calls, coverage, record, told};
use anyhow::{Context as _, Result, bail, ensure};
use gavel_domain::event::EventKind;
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::{Instant, sleep};

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
        beside: None,
        names: BTreeMap::new(),
        cells: BTreeSet::new(),
    };
    for (number, step) in scenario.steps.iter().enumerate() {
        play.step(step).await.with_context(|| format!("step {} {step:?}", number + 1))?;
    }
    play.end(scenario).await?;
    play.world.stop().await;
    play.world.holds_no_secret()
}

struct Play {
    world: World,
    /// The body of `POST /tasks`.
    body: Value,
    task: Option<String>,
    /// The same task, posted once more.
    beside: Option<String>,
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
            Step::Worker { of, worker } => self.world.join(of, worker).await,
            Step::CallBack { expect, .. } => {
                self.action(step).await?.await?.must_be(expect.as_deref())?;
                Ok(())
            }
            Step::PostBeside {} => {
                let posted = self.world.buyer.post("/tasks", None, &self.body).await?.value()?;
                self.beside = Some(posted["id"].as_str().context("a posted task has an id")?.to_owned());
                Ok(())
            }
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

    /// The request of a step, ready to be made.
    async fn action(&self, step: &Step) -> Result<impl Future<Output = Result<Answer>> + use<>> {
        let callback = match step {
            Step::CallBack { of, call, with, message, badly_signed, .. } => {
                let with = with.as_ref().unwrap_or(&Act::Work);
                Some(self.callback((of, *call), with, message.as_deref(), *badly_signed)?)
            }
            _ => None,
        };
        let request = if callback.is_none() { Some(self.request(step).await?) } else { None };
        let buyer = self.world.buyer.clone();
        Ok(async move {
            match (callback, request) {
                (Some(callback), _) => buyer.bring(callback).await,
                (None, Some((path, key, body))) => buyer.post(&path, key.as_deref(), &body).await,
                (None, None) => bail!("there is nothing to be done"),
            }
        })
    }

    /// What an asynchronous agent brings for one of the calls it received.
    fn callback(
        &self,
        (agent, call): (&str, Option<usize>),
        with: &Act,
        message: Option<&str>,
        badly_signed: bool,
    ) -> Result<Callback> {
        let calls = self.world.requests(agent);
        let number = call.unwrap_or(calls.len());
        let call = number.checked_sub(1).and_then(|before| calls.get(before)).context("it was not called")?;
        let body = acting::said(with, agent, "later work").context("a callback says something")?;
        let message = message.map_or_else(|| format!("msg_{agent}_{number}"), str::to_owned);
        Callback::to(call, (&message, self.world.gavel()?.clock.now().timestamp()), body, badly_signed)
    }

    /// The path, the idempotency key and the body of a buyer's step.
    async fn request(&self, step: &Step) -> Result<(String, Option<String>, Value)> {
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
        Ok((path, key.clone(), body))
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
        self.until(self.task()?, |seen| seen.differs_from(view)).await?;
        if let Some(view) = &view.beside {
            self.until(self.beside()?, |seen| seen.differs_from(view)).await.context("beside")?;
            self.explained(self.beside()?, &view.explain).await.context("beside")?;
        }
        self.explained(self.task()?, &view.explain).await
    }

    async fn check(&self, view: &View) -> Result<()> {
        let mut differences = self.look().await?.differs_from(view);
        if let Some(view) = &view.beside {
            differences.extend(self.look_at(self.beside()?).await?.differs_from(view));
            self.explained(self.beside()?, &view.explain).await.context("beside")?;
        }
        ensure!(differences.is_empty(), "{}", differences.join("; "));
        self.explained(self.task()?, &view.explain).await
    }

    /// Looks until nothing differs any more; what was seen then.
    async fn until(&self, task: &str, differences: impl Fn(&Seen) -> Vec<String>) -> Result<Seen> {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.look_at(task).await?;
            let differs = differences(&seen);
            if differs.is_empty() {
                return Ok(seen);
            }
            ensure!(Instant::now() < until, "after {} s: {}", PATIENCE.as_secs(), differs.join("; "));
            sleep(LOOK).await;
        }
    }

    async fn look(&self) -> Result<Seen> {
        self.look_at(self.task()?).await
    }

    async fn look_at(&self, task: &str) -> Result<Seen> {
        Seen::look(&self.world, task, &self.names).await
    }

    fn beside(&self) -> Result<&str> {
        self.beside.as_deref().context("nothing was posted beside")
    }

    /// Everything that was posted.
    fn tasks(&self) -> Vec<String> {
        self.task.iter().chain(&self.beside).cloned().collect()
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
        self.until(self.task()?, |seen| seen.differs_from_end(then)).await.context("then")?;
        self.nothing_is_left_open(&self.look().await?).await?;
        for agent in &scenario.agents {
            self.heard(agent).await.with_context(|| format!("agent {}", agent.slug))?;
        }
        let seen = self.look().await?;
        let differences = seen.differs_from_end(then);
        ensure!(differences.is_empty(), "what came late, or twice, changed it: {}", differences.join("; "));
        for agent in &scenario.agents {
            self.agrees(agent, then).await.with_context(|| format!("agent {}", agent.slug))?;
        }
        for task in self.tasks() {
            self.history(&task, &self.look_at(&task).await?).await?;
        }
        self.told(then.told.as_deref()).await.context("what the buyer was told")?;
        self.explained(self.task()?, &then.explain).await?;
        self.nothing_else_happened(&then.ledger).await?;
        self.proven(scenario, &seen)
    }

    /// The buyer's endpoint was told of all there is to tell of every task.
    async fn told(&self, expected: Option<&[String]>) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for task in self.tasks() {
            let told = loop {
                if let Some(told) = told::told(&self.world, &task).await? {
                    break told;
                }
                ensure!(Instant::now() < until, "something of task {task} was not told");
                sleep(LOOK).await;
            };
            if let Some(expected) = expected.filter(|_| self.task.as_ref() == Some(&task)) {
                ensure!(told == expected, "it was told {told:?}, expected {expected:?}");
            }
        }
        Ok(())
    }

    /// The agent has brought all it brings by itself, and was answered as the file says.
    async fn heard(&self, agent: &Agent) -> Result<()> {
        let differs = |_: &Seen| {
            let heard = seen::heard(&self.world, &agent.slug);
            let differs = heard != agent.hears;
            differs.then(|| format!("it heard {heard:?}, expected {:?}", agent.hears)).into_iter().collect()
        };
        self.until(self.task()?, differs).await?;
        Ok(())
    }

    /// What an agent was sent, and what all that left on its record.
    async fn agrees(&self, agent: &Agent, then: &Then) -> Result<()> {
        let name = named(&self.names, &agent.slug);
        calls::check(&self.world, &self.tasks(), agent, name == "winner")?;
        let mut outcomes = Vec::new();
        for task in self.tasks() {
            outcomes.extend(self.look_at(&task).await?.outcomes.remove(&name).flatten());
        }
        record::check(&self.world, agent, &outcomes, then.reliability.get(&agent.slug)).await
    }

    /// There is no other task, and no money moved but its own.
    async fn nothing_else_happened(&self, expected: &Ledger) -> Result<()> {
        let tasks = self.world.buyer.get("/tasks").await?.value()?;
        let posted = self.tasks().len();
        ensure!(
            tasks["tasks"].as_array().is_some_and(|tasks| tasks.len() == posted),
            "not {posted} of {tasks}"
        );
        let report = self.world.gavel()?.store.verify_ledger("USD").await?;
        ensure!(report.transfers == expected.transfers.len() as u64, "{} transfers of all", report.transfers);
        Ok(())
    }

    async fn explained(&self, task: &str, expected: &BTreeMap<String, String>) -> Result<()> {
        if expected.is_empty() {
            return Ok(());
        }
        let explain = self.world.buyer.get(&format!("/tasks/{task}/explain")).await?.value()?;
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
    async fn history(&self, task: &str, seen: &Seen) -> Result<()> {
        let events = self.world.gavel()?.store.events_after(task.parse()?, 0, EVENTS).await?;
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
        self.until(self.task()?, |_| busy(&self.world)).await?;
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
