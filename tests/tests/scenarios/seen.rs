//! What is there to be seen, and how it differs from what was expected.

use super::client::Answer;
use super::format::{Ledger, Then, View};
use super::world::World;
use anyhow::{Context as _, Result, ensure};
use gavel_agentfarm::Step;
use gavel_domain::Timestamp;
use gavel_domain::ledger::LedgerAccount;
use gavel_store::doctor::Terms;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A task as its buyer sees it, what its agents received, and its money.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) state: String,
    reason: Option<String>,
    under_supplied: bool,
    window_over: bool,
    pub(crate) outcomes: BTreeMap<String, Option<String>>,
    deadline_over: BTreeMap<String, bool>,
    bids: BTreeMap<String, String>,
    /// The bids' ids, by agent.
    pub(crate) bid_ids: BTreeMap<String, String>,
    delivery: Option<String>,
    revision: Option<u64>,
    final_call_over: bool,
    calls: BTreeMap<String, usize>,
    acknowledged: BTreeMap<String, usize>,
    hears: BTreeMap<String, Vec<String>>,
    ledger: Ledger,
}

impl Seen {
    /// Looks at everything. `names` are what the race of a story called its agents.
    pub(crate) async fn look(world: &World, task: &str, names: &BTreeMap<String, String>) -> Result<Seen> {
        let gallery = world.buyer.get(&format!("/tasks/{task}/bids")).await?.value()?;
        let delivery = world.buyer.get(&format!("/tasks/{task}/delivery")).await?;
        let delivery = if delivery.succeeded() { delivery.value()? } else { Value::Null };
        let now = world.gavel()?.clock.now();
        let mut seen = Seen { ledger: ledger(world, task, names).await?, ..Seen::default() };
        seen.task(&gallery["task"], now);
        for invitation in gallery["invitations"].as_array().into_iter().flatten() {
            seen.invitation(invitation, named(names, &word(&invitation["agent"])), now);
        }
        for bid in gallery["bids"].as_array().into_iter().flatten() {
            let agent = named(names, &word(&bid["agent_slug"]));
            seen.bid_ids.insert(agent.clone(), word(&bid["id"]));
            seen.bids.insert(agent, word(&bid["status"]));
        }
        seen.delivery(&delivery["delivery"], now);
        for slug in world.contenders.keys() {
            seen.agent(world, slug, named(names, slug)).await?;
        }
        Ok(seen)
    }

    async fn agent(&mut self, world: &World, slug: &str, agent: String) -> Result<()> {
        if world.contenders[slug].acknowledges {
            let log = world.delivery_log(slug).await?;
            let acknowledged = log.iter().filter(|send| send["code"] == "acknowledged").count();
            self.acknowledged.insert(agent.clone(), acknowledged);
        }
        self.hears.insert(agent.clone(), heard(world, slug));
        self.calls.insert(agent, world.requests(slug).len());
        Ok(())
    }

    fn task(&mut self, task: &Value, now: Timestamp) {
        self.state = word(&task["status"]);
        self.reason = task["status_reason"].as_str().map(str::to_owned);
        self.under_supplied = task["under_supplied"] == true;
        self.window_over = is_over(&task["expires_at"], now);
    }

    fn invitation(&mut self, invitation: &Value, agent: String, now: Timestamp) {
        self.deadline_over.insert(agent.clone(), is_over(&invitation["deadline_at"], now));
        self.outcomes.insert(agent, invitation["outcome"].as_str().map(str::to_owned));
    }

    fn delivery(&mut self, delivery: &Value, now: Timestamp) {
        self.delivery = delivery["status"].as_str().map(str::to_owned);
        self.revision = delivery["revision"].as_u64();
        self.final_call_over = is_over(&delivery["deadline_at"], now);
    }

    /// How this differs from a view; empty when it does not.
    pub(crate) fn differs_from(&self, view: &View) -> Vec<String> {
        let mut differences = Differences::default();
        differences.where_said("state", &self.state, &view.state);
        differences.where_said("window_over", &self.window_over, &view.window_over);
        differences.within("outcomes", &self.outcomes, &view.outcomes);
        differences.within("deadline_over", &self.deadline_over, &view.deadline_over);
        differences.within("bids", &self.bids, &view.bids);
        differences.where_said("delivery", &self.delivery, &view.delivery.clone().map(Some));
        differences.where_said("revision", &self.revision, &view.revision.map(Some));
        differences.where_said("final_call_over", &self.final_call_over, &view.final_call_over);
        differences.within("calls", &self.calls, &view.calls);
        differences.within("acknowledged", &self.acknowledged, &view.acknowledged);
        differences.within("hears", &self.hears, &view.hears);
        differences.where_said("ledger", &self.ledger, &view.ledger);
        differences.0
    }

    /// How this differs from the end of a story.
    pub(crate) fn differs_from_end(&self, then: &Then) -> Vec<String> {
        let mut differences = Differences::default();
        differences.equal("state", &self.state, &then.state);
        differences.equal("reason", &self.reason, &then.reason);
        differences.where_said("under_supplied", &self.under_supplied, &then.under_supplied);
        differences.equal("outcomes", &self.outcomes, &then.outcomes);
        differences.equal("bids", &self.bids, &then.bids);
        differences.equal("delivery", &self.delivery, &then.delivery);
        differences.where_said("revision", &self.revision, &then.revision.map(Some));
        differences.equal("ledger", &self.ledger, &then.ledger);
        differences.0
    }
}

/// What is not as expected, each in words.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn equal<T: PartialEq + Debug>(&mut self, what: &str, seen: &T, expected: &T) {
        if seen != expected {
            self.0.push(format!("{what} is {seen:?}, expected {expected:?}"));
        }
    }

    fn where_said<T: PartialEq + Debug>(&mut self, what: &str, seen: &T, expected: &Option<T>) {
        if let Some(expected) = expected {
            self.equal(what, seen, expected);
        }
    }

    /// What is expected of some agents; the others may do as they like.
    fn within<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        seen: &BTreeMap<String, T>,
        expected: &BTreeMap<String, T>,
    ) {
        for (agent, expected) in expected {
            self.equal(&format!("{what} of {agent}"), &seen.get(agent), &Some(expected));
        }
    }
}

/// What a story calls an agent.
pub(crate) fn named(names: &BTreeMap<String, String>, slug: &str) -> String {
    names.get(slug).map_or(slug, String::as_str).to_owned()
}

/// What an agent was answered to the results it brought by itself; a try that met nobody heard nothing.
pub(crate) fn heard(world: &World, slug: &str) -> Vec<String> {
    let brings = |step| matches!(step, Step::Callback | Step::Result | Step::Decline);
    let mut exchanges: Vec<_> = world.part(slug).flat_map(|part| part.exchanges()).collect();
    exchanges.retain(|exchange| brings(exchange.step));
    exchanges.sort_by_key(|exchange| exchange.at);
    let answers = exchanges.into_iter().filter_map(|x| Some(Answer::heard(x.answer.ok()?, &x.body).word()));
    answers.collect()
}

fn is_over(time: &Value, now: Timestamp) -> bool {
    time.as_str().and_then(|time| time.parse::<Timestamp>().ok()).is_some_and(|time| time <= now)
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The task's movements and every balance; the ledger, and all else, must be sound at any moment it is looked at.
async fn ledger(world: &World, task: &str, names: &BTreeMap<String, String>) -> Result<Ledger> {
    let store = &world.gavel()?.store;
    let terms = Terms { currency: "USD" };
    let examined = store.examine(terms).await?;
    ensure!(examined.findings.is_empty(), "the database is not sound: {:?}", examined.findings);
    let transfers = store.transfers_of(task.parse()?).await?;
    let transfers = transfers.iter().map(|t| t.kind.name().to_owned()).collect();
    let mut ledger = Ledger { transfers, ..Ledger::default() };
    let balances = store.balances().await?;
    let sum: i64 = balances.iter().map(|balance| balance.amount.minor()).sum();
    ensure!(sum == 0, "the balances add up to {sum}, not to 0: {balances:?}");
    for balance in balances {
        let amount = balance.amount.minor() as f64 / 100.0;
        match balance.account {
            LedgerAccount::Buyer(_) => ledger.buyer = amount,
            LedgerAccount::Held(_) => ledger.held = amount,
            LedgerAccount::PlatformFee => ledger.platform = amount,
            LedgerAccount::Developer(developer) => {
                let agent = world.contenders.iter().find(|(_, c)| c.developer == developer.to_string());
                let (slug, _) = agent.context("a developer nobody registered is paid")?;
                ledger.developers.insert(named(names, slug), amount);
            }
        }
    }
    Ok(ledger)
}
