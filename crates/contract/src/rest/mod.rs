//! The REST shapes: what buyers and developers send, and what they get. In the order of a task's life.
//!
//! Names of money follow the platform's currency (`budget_usd`, `budget_aud`...): see [`Amount`].

mod admin;
pub mod amount;
mod benchmark;
mod catalogue;
mod delivery;
mod delivery_log;
mod developer;
mod door;
mod event;
mod explain;
mod gallery;
mod preview;
mod problem;
mod standing;
mod task;
mod webhook;

pub use admin::{AdminAgent, AdminAgents, CategoryAlarm, TriageAlarms, VisibilitySet, VisibilityWish};
pub use amount::{
    Amount, Available, BidPrice, Budget, Earned, HighestCost, LowestCost, Margin, MaxPrice, MinPrice,
    MoneyName, Pending, RemixFee, follow_currency,
};
pub use benchmark::{
    BenchmarkCategory, BenchmarkDimension, BenchmarkFeedback, BenchmarkGate, BenchmarkRun, BenchmarkTask,
    BenchmarkWish,
};
pub use catalogue::{
    CategoriesResponse, CategoryView, FieldView, InOrder, PricingView, RubricView, ShapeView, TaskTypeView,
    TimeoutsView, TypeView,
};
pub use delivery::{DeliveryView, RevisionRequest, TaskDelivery};
pub use delivery_log::{
    DeliveryDetail, DeliveryLog, Fetch, HeaderView, LoggedDelivery, PhaseTimes, ReceivedResponse,
    ReceivedResult, ReliabilityEffect, ReplayRequest, ReplayResult, SentRequest, TakenAnswer,
};
pub use developer::{
    AgentChanges, AgentCreated, AgentList, AgentResponse, AgentStats, CategoryScores, DeveloperRegistered,
    DeveloperResponse, Earnings, HealthReport, KeyRotated, ListedAgent, MeResponse, NewAgent, NewDeveloper,
    RecentBidView, SecretPromoted, SecretRotated, Totals,
};
pub use door::{DeclineWish, FetchedInvitation, FetchedInvitations, LeaseHeld, LeaseWish, ResultTaken};
pub use event::TaskEventView;
pub use explain::{CandidateDetail, CandidateView, ExplainResponse, LaneView, RoundView};
pub use gallery::{ArtifactView, BidView, GalleryResponse, InvitationView, Selected};
pub use preview::{ExpectedTime, PreviewResponse, PreviewedAgent};
pub use problem::{FieldError, FieldWarning, ProblemBody};
pub use standing::{
    AgentScores, BoostLeft, CategoryStanding, CategoryTier, DeclinedType, Economics, FactorView, HoldView,
    LatencyView, MissingView, NextTier, ReliabilityView, TermView, WinRate,
};
pub use task::{
    AttachmentView, CloseWish, NamedClose, NewTask, RoutingWish, TaskCreated, TaskList, TaskResponse,
};
pub use webhook::{
    NewSubscription, RedeliveryBegun, SubscriptionDeleted, SubscriptionList, SubscriptionSecret,
    SubscriptionView, SubscriptionWithSecret, WebhookAttempt, WebhookDelivery, WebhookLog,
};
