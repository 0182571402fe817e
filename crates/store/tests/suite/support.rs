//! A store per engine and test, and the makings of a task's life.

use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::invitation::{
    Answer, Artifact, ArtifactKind, Attempt, Ending, Invitation, Mode, Outcome, TokenUsage,
};
use gavel_domain::task::{Attachment, Brief, ClosePolicy, Routing, Task, Wishes};
use gavel_domain::webhook::{SecretVersion, Subscription, Topic};
use gavel_domain::*;
use gavel_store::arrivals::Arrivals;
use gavel_store::decisions::Decision;
use gavel_store::invitations::Ended;
use gavel_store::rounds::{FirstSends, NewRound};
use gavel_store::scores::{Judged, NewVerdict, PhaseEnd};
use gavel_store::{Claimed, Engine, Guarded, Store};
use gavel_testkit::postgres::Server;
use gavel_testkit::{ManualClock, SeededChance};
use std::collections::BTreeSet;

#[path = "behind.rs"] // named, for two who include this file look for it in different places
mod behind;

pub(crate) use behind::{ask, commit, file_of};

/// One engine's store with a clock and chance of its own.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) clock: ManualClock,
    pub(crate) chance: SeededChance,
    _dir: Option<tempfile::TempDir>,
}

/// Runs a test body on SQLite and, where it is installed, on PostgreSQL.
macro_rules! on_both {
    ($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block) => {
        #[tokio::test(flavor = "multi_thread")]
        $(#[$meta])*
        async fn $name() {
            for $world in crate::support::worlds(stringify!($name)).await $body
        }
    };
}
pub(crate) use on_both;

pub(crate) async fn worlds(name: &str) -> Vec<World> {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("gavel.db").display());
    let mut worlds = vec![world(&url, Some(dir)).await];
    if let Some(server) = gavel_testkit::postgres::server() {
        worlds.push(world(&server.create_database(name), None).await);
    }
    worlds
}

async fn world(url: &str, dir: Option<tempfile::TempDir>) -> World {
    let store = Store::open(url).await.unwrap();
    World { store, url: url.to_owned(), clock: ManualClock::new(), chance: SeededChance::new(7), _dir: dir }
}

pub(crate) async fn on_postgres(server: &Server, name: &str) -> World {
    world(&server.create_database(name), None).await
}

impl World {
    /// The makings of tasks for a store that is open already.
    pub(crate) fn over(store: Store, url: &str) -> World {
        World {
            store,
            url: url.to_owned(),
            clock: ManualClock::new(),
            chance: SeededChance::new(7),
            _dir: None,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The stores that may be at work on this database at once: a second process on PostgreSQL, none on SQLite.
    pub(crate) async fn stores(&self) -> Vec<Store> {
        let mut stores = vec![self.store.clone()];
        if self.store.engine() == Engine::Postgres {
            stores.push(Store::open(&self.url).await.unwrap());
        }
        stores
    }

    pub(crate) async fn account(&self, name: &str) -> AccountId {
        let fresh = AccountId::new(self.now(), &self.chance);
        self.store.ensure_account(name, fresh, self.now()).await.unwrap()
    }

    pub(crate) async fn developer(&self, name: &str) -> Developer {
        let developer = Developer {
            id: DeveloperId::new(self.now(), &self.chance),
            account: self.account(name).await,
            name: name.to_owned(),
            created_at: self.now(),
        };
        self.store.add_developer(&developer, b"sealed key").await.unwrap();
        developer
    }

    pub(crate) async fn agent(&self, developer: &Developer, slug: &str) -> Agent {
        let agent = self.new_agent(developer, slug);
        self.store.add_agent(&agent, b"sealed secret").await.unwrap();
        agent
    }

    /// An agent that is asked in this way and takes so many calls at once.
    pub(crate) async fn agent_like(
        &self,
        developer: &Developer,
        slug: &str,
        (execution_mode, max_concurrency): (ExecutionMode, u32),
    ) -> Agent {
        let agent = Agent { execution_mode, max_concurrency, ..self.new_agent(developer, slug) };
        self.store.add_agent(&agent, b"sealed secret").await.unwrap();
        agent
    }

    pub(crate) fn new_agent(&self, developer: &Developer, slug: &str) -> Agent {
        let id = AgentId::new(self.now(), &self.chance);
        Agent {
            id,
            draw_number: u64::from_be_bytes(id.bytes()[8..].try_into().unwrap()),
            developer: developer.id,
            test: false,
            name: slug.to_uppercase(),
            slug: slug.to_owned(),
            description: "writes".to_owned(),
            capabilities: vec!["content-writing".to_owned(), "marketing".to_owned()],
            specialist_task_types: vec!["blog-post".to_owned()],
            framework: None,
            model: Some("m".to_owned()),
            endpoint_url: "https://agents.example.com/execute".to_owned(),
            execution_mode: ExecutionMode::Sync,
            max_concurrency: 8,
            min_price: Money::from_minor(500),
            active: true,
            visibility: Visibility::Live,
            paused: false,
            health: Default::default(),
            created_at: self.now(),
            activated_at: Some(self.now()),
        }
    }

    pub(crate) fn new_task(&self, account: AccountId) -> Task {
        let requirements = serde_json::json!({ "tone": "plain", "word_count": 800 });
        let brief = Brief {
            title: "A guide".to_owned(),
            description: "Write a guide to «unit tests» – with examples.".to_owned(),
            category: "content-writing".to_owned(),
            task_type: "blog-post".to_owned(),
            requirements: requirements.as_object().unwrap().clone(),
            output_spec: Some(serde_json::json!({ "count": 1 })),
            attachments: vec![Attachment {
                filename: "a.pdf".to_owned(),
                url: "https://files.example.com/a.pdf".to_owned(),
                content_type: "application/pdf".to_owned(),
            }],
            user_first_name: Some("Ada".to_owned()),
            brand_kit_id: Some(uuid::Uuid::from_u128(5)),
            ..Brief::default()
        };
        let id = TaskId::new(self.now(), &self.chance);
        Task {
            wishes: Wishes {
                agents: Some(3),
                close: ClosePolicy::ScoreAtLeast(Ppm::new(900_000)),
                routing: Routing {
                    ignore: vec!["x".to_owned()],
                    max_price: Some(Money::from_minor(9)),
                    ..Routing::default()
                },
                experimentation_milli: 300,
                min_bids: Some(2),
            },
            metadata: Some(serde_json::json!({ "order": 7 })),
            ..Task::posted(id, account, (brief, Money::from_minor(2500)), self.now())
        }
    }

    pub(crate) async fn task(&self, account: AccountId) -> Task {
        let task = self.new_task(account);
        self.store.create_task(&task).await.unwrap();
        task
    }

    /// A wish to be told at a host.
    pub(crate) fn new_subscription(
        &self,
        account: AccountId,
        host: &str,
        topics: Option<Vec<Topic>>,
    ) -> Subscription {
        Subscription {
            id: SubscriptionId::new(self.now(), &self.chance),
            account,
            test: false,
            url: format!("https://{host}/hook"),
            host: host.to_owned(),
            topics,
            description: Some("mine".to_owned()),
            secret: SecretVersion::FIRST,
            created_at: self.now(),
            endpoint: Default::default(),
            disabled: None,
        }
    }

    pub(crate) async fn claim(&self) -> Claimed {
        self.try_claim().await.expect("a task is ready")
    }

    pub(crate) async fn try_claim(&self) -> Option<Claimed> {
        let lease_until = self.now() + chrono::TimeDelta::seconds(30);
        self.store.claim("test", self.now(), lease_until).await.unwrap()
    }

    /// Brings a fresh task to prototyping with these agents invited, and claims it.
    pub(crate) async fn prototyping(&self, task: &Task, agents: &[&Agent]) -> (Claimed, Vec<Invitation>) {
        let claimed = self.claim().await;
        assert_eq!(claimed.task().id, task.id);
        done(self.store.start(claimed, self.now(), self.now()).await.unwrap());
        let invitations: Vec<_> = agents.iter().map(|agent| self.invitation(task, agent)).collect();
        let round = NewRound {
            decision: Decision { document: r#"{"chosen":[]}"#.to_owned(), ..Decision::default() },
            invitations: invitations.clone(),
            letter: LETTER.to_owned(),
            phase_deadline: self.now() + chrono::TimeDelta::seconds(420),
            under_supplied: true,
        };
        let recorded = done(
            self.store
                .record_round(self.claim().await, round, |_| FirstSends::default(), self.now())
                .await
                .unwrap(),
        );
        (recorded.claimed, invitations)
    }

    fn invitation(&self, task: &Task, agent: &Agent) -> Invitation {
        Invitation {
            id: InvitationId::new(self.now(), &self.chance),
            task: task.id,
            round: 1,
            agent: agent.id,
            created_at: self.now(),
            deadline_at: self.now() + chrono::TimeDelta::seconds(120),
            deadline_is_own_limit: true,
            boosted: true,
            ended: None,
        }
    }

    /// The how manieth send of a prototype's call.
    pub(crate) fn attempt(&self, invitation: &Invitation, number: u32) -> Attempt {
        Attempt {
            id: AttemptId::new(self.now(), &self.chance),
            invitation: invitation.id,
            mode: Mode::Prototype,
            revision: 0,
            number,
            started_at: self.now(),
            result: None,
        }
    }

    pub(crate) fn ended(&self, invitation: &Invitation, outcome: Outcome) -> Ended {
        Ended {
            invitation: invitation.id,
            agent: invitation.agent,
            agent_slug: "slug".to_owned(),
            ending: Ending { outcome, detail: Some("code".to_owned()), at: self.now() },
            bid: (outcome == Outcome::Valid).then(|| self.bid(invitation)),
            attempt: None,
        }
    }

    /// Writes how one invitation has ended; [`Guarded::Lost`] also when it had its outcome already.
    pub(crate) async fn end_invitation(&self, claimed: &Claimed, ended: &Ended) -> Guarded<()> {
        let arrivals = Arrivals { ended: vec![ended.clone()], judged: Vec::new() };
        match self.store.keep(claimed, &arrivals, self.now()).await.unwrap() {
            Guarded::Done(kept) if kept.contains(&ended.invitation) => Guarded::Done(()),
            Guarded::Done(_) | Guarded::Lost => Guarded::Lost,
        }
    }

    /// Writes a judge's word on a bid.
    pub(crate) async fn score(&self, claimed: &Claimed, bid: &Bid, verdict: NewVerdict) {
        let (agent_slug, bid, agent) = ("slug".to_owned(), bid.id, bid.agent);
        let judged = vec![Judged { bid, agent, agent_slug, verdict }];
        let kept = self.store.keep(claimed, &Arrivals { ended: Vec::new(), judged }, self.now()).await;
        done(kept.unwrap());
    }

    /// Ends the phase in which nothing is left to be judged.
    pub(crate) async fn close(&self, claimed: &Claimed, open_become: Outcome, review_until: Timestamp) {
        let (nobody, now) = (BTreeSet::new(), self.now());
        let ended = self.store.close_phase(claimed, &[], &nobody, open_become, review_until, now).await;
        assert_eq!(done(ended.unwrap()), PhaseEnd::Closed);
    }

    /// The first delivery of a bid that was chosen.
    pub(crate) fn pending(&self, bid: &Bid) -> Delivery {
        Delivery {
            id: DeliveryId::new(self.now(), &self.chance),
            task: bid.task,
            bid: bid.id,
            revision: 0,
            status: DeliveryStatus::Pending,
            notes: None,
            deadline_at: self.now() + chrono::TimeDelta::seconds(300),
            answer: None,
            ready_at: None,
        }
    }

    fn bid(&self, invitation: &Invitation) -> Bid {
        Bid {
            id: BidId::new(self.now(), &self.chance),
            task: invitation.task,
            round: 1,
            invitation: invitation.id,
            agent: invitation.agent,
            answer: answer(),
            status: BidStatus::Received,
            score: None,
            presented: false,
            received_at: self.now(),
        }
    }

    /// A bid of this invitation, received and scored.
    pub(crate) async fn scored(&self, claimed: &Claimed, invitation: &Invitation, score: u32) -> Bid {
        let ended = self.ended(invitation, Outcome::Valid);
        done(self.end_invitation(claimed, &ended).await);
        let bid = ended.bid.unwrap();
        let verdict = NewVerdict {
            judge: "embedded-1".to_owned(),
            composite: Ppm::new(score),
            document: r#"{"composite":1}"#.to_owned(),
        };
        self.score(claimed, &bid, verdict).await;
        bid
    }
}

/// What every agent is sent.
pub(crate) const LETTER: &str = r#"{"task_id":"t"}"#;

pub(crate) fn answer() -> Answer {
    Answer {
        full_text: "A finished text of more than fifty characters, with «quotes» and 中文.".to_owned(),
        summary: "Finished.".to_owned(),
        message: Some("Hello".to_owned()),
        artifacts: vec![Artifact {
            kind: ArtifactKind::Csv,
            filename: "t.csv".to_owned(),
            content: "a,b\n1,2\n".to_owned(),
        }],
        token_usage: Some(TokenUsage {
            input_tokens: Some(1),
            cost_usd: Some(0.024),
            ..TokenUsage::default()
        }),
        price: Money::from_minor(2200),
    }
}

/// Unwraps a guarded write that must have happened.
pub(crate) fn done<T>(guarded: Guarded<T>) -> T {
    match guarded {
        Guarded::Done(value) => value,
        Guarded::Lost => panic!("the guard did not hold"),
    }
}
