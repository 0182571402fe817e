//! Where a draw's seed comes from: nobody outside can predict it, nobody inside can choose it.

use gavel_domain::TaskId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The seed of a task's round under a server secret.
pub fn seed(server_secret: &[u8], task: TaskId, round: u32) -> u64 {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(server_secret) else { return 0 }; // any length is a key
    mac.update(task.bytes());
    mac.update(&round.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}
