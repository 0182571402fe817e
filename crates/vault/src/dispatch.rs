//! What an agent's requests are signed with, opened: the one place where a key and secrets leave their seals together.

use crate::{Secret, Vault, VaultError, agent_secret_context, developer_key_context};
use gavel_domain::{AgentId, DeveloperId};

/// A developer's key and an agent's signing secrets, to be used and not to be kept.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    /// The `ait_` key.
    pub key: Secret,
    /// The `whsec_` secrets, the current one first.
    pub secrets: Vec<Secret>,
}

impl Vault {
    /// Opens what requests to an agent are signed with.
    ///
    /// # Errors
    /// When one of them was sealed for another owner or under another key file.
    pub fn signing_keys(
        &self,
        (developer, sealed_key): (DeveloperId, &[u8]),
        (agent, sealed_secrets): (AgentId, &[&[u8]]),
    ) -> Result<SigningKeys, VaultError> {
        let context = agent_secret_context(agent);
        let secrets = sealed_secrets.iter().map(|sealed| self.open(sealed, &context));
        Ok(SigningKeys {
            key: self.open(sealed_key, &developer_key_context(developer))?,
            secrets: secrets.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_testkit::SeededChance;
    use uuid::Uuid;

    #[test]
    fn what_belongs_together_opens_together_and_nothing_else() {
        let (vault, chance) = (Vault::from_key([7; 32]), SeededChance::new(1));
        let developer = |n| DeveloperId::from_uuid(Uuid::from_u128(n));
        let agent = |n| AgentId::from_uuid(Uuid::from_u128(n));
        let key = vault.seal("ait_k", &developer_key_context(developer(1)), &chance);
        let secret = |text: &str| vault.seal(text, &agent_secret_context(agent(2)), &chance);
        let (one, two) = (secret("whsec_1"), secret("whsec_2"));
        let open = vault.signing_keys((developer(1), &key), (agent(2), &[&one, &two])).unwrap();
        assert_eq!((open.key.expose(), open.secrets[1].expose()), ("ait_k", "whsec_2"));
        assert!(!format!("{open:?}").contains("ait_k"));
        assert!(vault.signing_keys((developer(9), &key), (agent(2), &[&one])).is_err());
        assert!(vault.signing_keys((developer(1), &key), (agent(9), &[&one])).is_err());
    }
}
