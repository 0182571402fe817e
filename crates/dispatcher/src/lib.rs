//! Asks many agents at once under one deadline, and says of each how that ended.
//!
//! Nothing here knows a database or an HTTP client: the network is a [`transport::Transport`], the attempt rows are a
//! [`call::Journal`], the time is a clock that is handed in. All but [`fan_out`] is pure. In reading order:

/// When each call must be over.
pub mod plan;

/// One call: what is sent, and the trait that writes sends down.
pub mod call;

/// The headers and bytes of one send.
pub mod request;

/// What is asked of the network, and how that can fail.
pub mod transport;

/// Who may call now.
pub mod lanes;

/// What an answer or a failure means: the outcome.
pub mod reply;

mod redact; // no stored text shows a key

/// May a failed send be made once more?
pub mod retry;

/// All calls at once, each under its own deadline.
pub mod fan_out;

/// Asking an agent whether it is well.
pub mod probe;

/// Telling a buyer's endpoint.
pub mod webhook;

pub use call::{Begun, Call, Credentials, Journal, Sendable, Settled, Stop};
pub use fan_out::Dispatcher;
pub use lanes::{Ask, Caps, Lanes, Place};
pub use reply::{Ended, Said, read_result};
