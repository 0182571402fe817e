//! The policy `thompson`: who might be best for this task, as far as anybody can know?
//!
//! What an agent has shown gives a guess of its quality and how sure the guess is. One value is drawn from that guess,
//! and price, waiting and what buyers chose are counted in; the highest values are asked. Who is little known is drawn
//! high now and then, and so becomes known. In every second task (by chance) the last seat is drawn by the weights of
//! `aitasker-v1` instead, so that nobody is forgotten.
//!
//! Everything is a plain function of what it is given. Logarithms and exponentials come from `libm`, all else is exact
//! by the standard for floating point: the same input gives the same bits on every machine.

mod policy;
mod evidence;
mod value;
mod choice;
mod select;
mod normal;
mod stream;

pub use choice::{Shown, after_purchase};
pub use evidence::{CategoryState, Evidence, Seen};
pub use policy::{Policy, PolicyError};
pub use select::{By, Seat, Selection, select};
pub use value::{Contender, Guess, Question, Valued, quality, value};
