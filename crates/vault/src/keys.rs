//! Making keys, and keeping them from being printed.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use gavel_domain::Chance;
use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of chance in every key: nobody guesses 256 bits.
const KEY_BYTES: usize = 32;

/// A secret text: it can be used, not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The operating system's chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsChance;

impl Chance for OsChance {
    #[expect(clippy::disallowed_methods, reason = "the one place where real chance is drawn")]
    #[expect(clippy::expect_used, reason = "a machine without chance cannot make keys: stop")]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system has chance to give");
    }
}

/// A REST key: `aitk_live_...` or, for separate data without money, `aitk_test_...`.
pub fn new_api_key(chance: &dyn Chance, test: bool) -> Secret {
    let prefix = if test { "aitk_test_" } else { "aitk_live_" };
    Secret(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random(chance))))
}

/// What Gavel shows a developer's agents: `ait_...`.
pub fn new_developer_key(chance: &dyn Chance) -> Secret {
    Secret(format!("ait_{}", URL_SAFE_NO_PAD.encode(random(chance))))
}

/// What requests to one agent are signed with: `whsec_...`, as Standard Webhooks spells it.
pub fn new_signing_secret(chance: &dyn Chance) -> Secret {
    Secret(format!("whsec_{}", STANDARD.encode(random(chance))))
}

/// What is stored of a REST key. The key has 256 bits of chance, so a plain hash cannot be turned back.
pub fn hash_key(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn random(chance: &dyn Chance) -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    chance.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_testkit::SeededChance;

    #[test]
    fn keys_have_their_prefix_and_differ() {
        let chance = SeededChance::new(1);
        let keys = [
            new_api_key(&chance, false),
            new_api_key(&chance, true),
            new_developer_key(&chance),
            new_signing_secret(&chance),
        ];
        for (key, prefix) in keys.iter().zip(["aitk_live_", "aitk_test_", "ait_", "whsec_"]) {
            let rest = key.expose().strip_prefix(prefix).unwrap();
            assert!(rest.len() >= 43, "{rest}");
        }
        assert_ne!(new_developer_key(&chance), new_developer_key(&chance));
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = new_developer_key(&OsChance);
        assert!(!format!("{secret:?}").contains(&secret.expose()[4..]));
    }
}
