//! Secrets of webhook subscriptions: derived from the subscription and a number, never stored.

use crate::{Secret, Vault};
use base64::{Engine, engine::general_purpose::STANDARD};
use gavel_domain::SubscriptionId;

impl Vault {
    /// What requests to a subscription are signed with: another secret for each rotation.
    pub fn webhook_secret(&self, subscription: SubscriptionId, version: u32) -> Secret {
        let key = self.derive(&format!("webhook secret {subscription} {version}"));
        Secret::new(format!("whsec_{}", STANDARD.encode(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    #[test]
    fn each_subscription_and_version_has_a_secret_of_its_own_and_always_the_same() {
        let vault = Vault::from_key([7; 32]);
        let secret = |vault: &Vault, subscription, version| {
            let id = SubscriptionId::from_uuid(Uuid::from_u128(subscription));
            vault.webhook_secret(id, version).expose().to_owned()
        };
        let first = secret(&vault, 1, 1);
        assert!(first.starts_with("whsec_") && first.len() == "whsec_".len() + 44, "{first}");
        assert_eq!(secret(&Vault::from_key([7; 32]), 1, 1), first);
        let others = [secret(&vault, 1, 2), secret(&vault, 2, 1), secret(&Vault::from_key([8; 32]), 1, 1)];
        assert_eq!(BTreeSet::from(others).union(&BTreeSet::from([first])).count(), 4);
    }
}
