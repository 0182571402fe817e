/// Mistakes that the simulation must find: each takes one guard away where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Late writers count: a claim that was lost still writes.
    FenceUnchecked,
    /// A second selection wins, too.
    SecondWinner,
    /// It is answered before it is durable.
    #[cfg(feature = "faults")]
    AnsweredBeforeCommit,
    /// A start moves deadlines on.
    #[cfg(feature = "faults")]
    DeadlineMoved,
    /// What is released is refunded, too.
    PaidTwice,
    /// What comes too late replaces the outcome.
    OutcomeReplaced,
    /// A second answer replaces the first.
    SecondAnswer,
    /// A process counts only its own sends.
    #[cfg(feature = "faults")]
    SendsForgotten,
    /// A lease that ended is never taken back.
    LeaseForever,
    /// A state changes without an event.
    StateUntold,
    /// A phase ends although a bid that is in was not judged.
    BidUnjudged,
    /// A cancel leaves the calls open.
    CallsLeftOpen,
    /// Agents are charged for time that ended while we were away.
    AbsenceCharged,
}
