//! Only with the feature `faults`, which no build of the product has: the simulation strikes where a transaction
//! begins and ends, and takes guards away to see whether it would notice.
//!
//! All of it belongs to the thread: a simulated world lives on one.

#![allow(missing_docs, reason = "the mistakes are described where they are listed")]

include!("planted.rs");

mod misdeeds;

pub(crate) use misdeeds::{forget_answer, forget_sends, move_deadlines, pay_twice, reopen};

use crate::db::Tx;
use crate::{Error, Result};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Where a fault may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before anything is written.
    Begin,
    /// Everything is written, nothing is durable.
    BeforeCommit,
    /// It is durable, and nobody was told.
    AfterCommit,
    /// A bid is at the judge, and in no transaction.
    Judging,
    /// Whoever waits is to look again.
    Hint,
}

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Go,
    /// The database is busy or away; after the commit: its answer is lost, and so is a hint.
    Fails,
    /// It takes so long. Others come in between, or, where it holds the lock, wait.
    Slow(Duration),
    /// The process dies: whoever waits hears nothing any more.
    Dies,
}

type Hook = Rc<dyn Fn(Moment) -> Verdict>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// From now on this decides on this thread.
pub fn strike(hook: Option<Hook>) {
    HOOK.set(hook);
}

/// From now on this mistake is in the code that this thread runs.
pub fn plant(mistake: Option<Planted>) {
    PLANTED.set(mistake);
}

/// Whether this mistake is in the code.
pub fn planted(mistake: Planted) -> bool {
    PLANTED.get() == Some(mistake)
}

fn verdict(moment: Moment) -> Verdict {
    let hook = HOOK.with_borrow(Clone::clone);
    hook.map_or(Verdict::Go, |hook| hook(moment))
}

/// Whatever strikes while a bid is judged.
pub async fn judging() {
    let _ = meet(Moment::Judging).await; // a judge cannot fail for a database
}

/// Whether a hint does not arrive.
pub(crate) fn is_lost() -> bool {
    verdict(Moment::Hint) != Verdict::Go
}

pub(crate) async fn meet(moment: Moment) -> Result<()> {
    struck(verdict(moment)).await
}

async fn struck(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Go => Ok(()),
        Verdict::Slow(by) => {
            tokio::time::sleep(by).await;
            Ok(())
        }
        Verdict::Fails => Err(Error::turn_never_came()),
        Verdict::Dies => std::future::pending().await,
    }
}

pub(crate) async fn commit(tx: Tx) -> Result<()> {
    let before = verdict(Moment::BeforeCommit);
    if before != Verdict::Go && planted(Planted::AnsweredBeforeCommit) {
        return Ok(());
    }
    struck(before).await?;
    tx.commit_now().await?;
    meet(Moment::AfterCommit).await
}
