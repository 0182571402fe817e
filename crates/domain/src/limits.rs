//! Every limit that is not configuration, with its reason.

/// Answers larger than this are refused unread: memory per call stays bounded.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How much of an error body is kept for the developer.
pub const ERROR_BODY_BYTES: usize = 64 * 1024;
/// Sends per webhook-id: one, and one more only when no byte of an answer arrived.
pub const SENDS_MAX: u32 = 2;
/// How often the worker of an agent may fetch one brief again: one that loses it every time is broken.
pub const FETCHES_MAX: u32 = 20;
/// The largest budget that may be set, in minor units (10,000,000,000.00 where one has cents): millions of payments of
/// it can be summed in 64 bits, and every amount is exact as a JSON number.
pub const BUDGET_MINOR_MAX: i64 = 1_000_000_000_000;
/// Fewest agents a buyer may ask for.
pub const AGENTS_MIN: u8 = 3;
/// Most agents a buyer may ask for.
pub const AGENTS_MAX: u8 = 8;
/// A request body on our own API.
pub const REQUEST_BYTES: usize = 256 * 1024;
/// Specialist task types per category an agent may declare.
pub const SPECIALIST_TYPES_PER_CATEGORY: usize = 3;
/// Attachments per task.
pub const ATTACHMENTS_MAX: usize = 20;
/// Webhook subscriptions per account: each costs a row per event, and nobody reads the same news twenty times.
pub const SUBSCRIPTIONS_MAX: i64 = 20;
/// How much of a webhook endpoint's answer is kept for its owner: an error message, not a page.
pub const WEBHOOK_RESPONSE_BYTES: usize = 2 * 1024;
/// How much of a webhook endpoint's answer is read at all; its status alone is the verdict.
pub const WEBHOOK_ANSWER_BYTES: usize = 64 * 1024;
/// A buyer's `metadata` that is longer is left out of webhooks: their bodies stay below 20 kB.
pub const WEBHOOK_METADATA_BYTES: usize = 16 * 1000;
