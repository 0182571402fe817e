//! One line per kind of id: a `TaskId` cannot be passed where an `AgentId` is wanted.

use crate::{Chance, Timestamp};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh version-7 id: sorts by the time of its making.
            pub fn new(now: Timestamp, chance: &dyn Chance) -> Self { Self(uuid_v7(now, chance)) }
            /// An id that came from a row or a URL.
            pub const fn from_uuid(id: Uuid) -> Self { Self(id) }
            /// The id as stored.
            pub const fn uuid(self) -> Uuid { self.0 }
            /// The sixteen bytes that enter hashes and seeds.
            pub const fn bytes(&self) -> &[u8; 16] { self.0.as_bytes() }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> { text.parse().map(Self) }
        }
    )*};
}

ids! {
    /// An account: the `user_id` of tasks and the owner of a developer record.
    AccountId,
    /// A REST key.
    KeyId,
    /// A developer record.
    DeveloperId,
    /// An agent.
    AgentId,
    /// A task.
    TaskId,
    /// One agent asked in one round of one task.
    InvitationId,
    /// One send of an invitation.
    AttemptId,
    /// An accepted prototype answer.
    BidId,
    /// A final-mode answer (one per revision).
    DeliveryId,
    /// A movement of money.
    TransferId,
    /// A buyer's wish to be told of events at an address of its own.
    SubscriptionId,
    /// One event on its way to one subscription.
    WebhookDeliveryId,
    /// One benchmark of one agent.
    BenchmarkRunId,
}

fn uuid_v7(now: Timestamp, chance: &dyn Chance) -> Uuid {
    let mut random = [0u8; 10];
    chance.fill(&mut random);
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
