//! What can be measured, by name.

/// A workload of `gavel bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Tasks with five fast agents each, 64 tasks at once.
    Fanout,
    /// Calls held open by slow agents.
    Hold,
    /// Posts, and the way to the agents.
    Create,
    /// Killed with calls in flight.
    Recover,
    /// Live viewers of one gallery.
    Watch,
    /// Few and many stored tasks.
    Growth,
    /// One call of our client.
    Overhead,
    /// Whom to ask, among many agents.
    Triage,
    /// The binary and an idle server.
    Size,
}

impl Workload {
    /// All of them, the most telling first.
    pub const ALL: [Workload; 9] = [
        Workload::Fanout,
        Workload::Hold,
        Workload::Create,
        Workload::Recover,
        Workload::Watch,
        Workload::Growth,
        Workload::Overhead,
        Workload::Triage,
        Workload::Size,
    ];

    /// What it is called on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Workload::Fanout => "fanout",
            Workload::Hold => "hold",
            Workload::Create => "create",
            Workload::Recover => "recover",
            Workload::Watch => "watch",
            Workload::Growth => "growth",
            Workload::Overhead => "overhead",
            Workload::Triage => "triage",
            Workload::Size => "size",
        }
    }

    /// What it measures, in one line.
    pub const fn about(self) -> &'static str {
        match self {
            Workload::Fanout => {
                "Durable bids per second and their processor time, beside bare calls and bare commits"
            }
            Workload::Hold => "Memory per call that a slow agent holds open, beside a bare client's",
            Workload::Create => "How long a post takes until it is durable, and until its agents have it",
            Workload::Recover => "Killed with calls in flight: what is missing, and when all goes on",
            Workload::Watch => "Processor time per event and live viewer, beside a bare write",
            Workload::Growth => "The same work on few and on many stored tasks",
            Workload::Overhead => "What one call of the guarded client takes more than a bare one",
            Workload::Triage => {
                "Whom to ask among 1,000 and 10,000 agents: the decision, and the whole matching step"
            }
            Workload::Size => "The size of the binary and the memory of an idle server",
        }
    }

    /// The workload of this name.
    pub fn named(name: &str) -> Option<Workload> {
        Workload::ALL.into_iter().find(|workload| workload.name() == name)
    }
}
