//! Does an agent keep the contract? Every promise of `docs/agents.md` is a named case; each says what it proves and,
//! where it fails, why and how to mend it.
//!
//! Read in this order: [`case`] (what a case is), [`cases`] (all of them), [`kit`] (what the agent under test knows),
//! [`order`] (one call in the making, and every way to spoil it), [`stage`] (calls over the three transports),
//! [`desk`] (the platform's side of callbacks and of pulled work), [`contact`] (whether anything answers at all),
//! [`judge`] (what came back, held against the contract), [`run`] (one after another), [`report`] and [`junit`] (the outcome, for people and for machines).

pub mod case;
pub mod cases;
pub mod contact;
pub mod desk;
pub mod judge;
pub mod junit;
pub mod kit;
pub mod order;
pub mod report;
pub mod run;
pub mod stage;

pub use case::{Case, Severity, Verdict, Via};
pub use contact::Silence;
pub use kit::{Given, Kit};
pub use report::Report;
pub use stage::Stage;
