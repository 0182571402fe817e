//! Callback tokens and secrets: derived from the call they belong to, never stored.
//!
//! A token names its call and carries proof that we made it, so the address of a callback is as unguessable as its
//! proof of 256 bits, and there is no table of tokens to keep or to clean.

use crate::{Secret, Vault};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use gavel_domain::InvitationId;
use gavel_domain::invitation::Mode;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// A call in bytes: the invitation, its mode, its revision.
const CALL_BYTES: usize = 16 + 1 + 4;

impl Vault {
    /// The last part of the address that the result of a call may be sent to.
    pub fn callback_token(&self, invitation: InvitationId, mode: Mode, revision: u32) -> String {
        let call = written(invitation, mode, revision);
        let mut token = call.to_vec();
        token.extend(self.proof(&call).map(|proof| proof.finalize().into_bytes()).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The call behind a token of ours; `None` for every other text. Compares in constant time.
    pub fn read_callback_token(&self, token: &str) -> Option<(InvitationId, Mode, u32)> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (call, proof) = token.split_first_chunk::<CALL_BYTES>()?;
        self.proof(call)?.verify_slice(proof).ok()?;
        read(call)
    }

    /// What the result of a call must be signed with: another secret for each invitation, mode and revision.
    pub fn callback_secret(&self, invitation: InvitationId, mode: Mode, revision: u32) -> Secret {
        let key = self.derive(&format!("callback secret {invitation} {} {revision}", mode.name()));
        Secret::new(format!("whsec_{}", STANDARD.encode(key)))
    }

    /// HMAC takes keys of any length, so this is never `None`.
    fn proof(&self, call: &[u8]) -> Option<Hmac<Sha256>> {
        let mut proof = Hmac::<Sha256>::new_from_slice(&self.derive("callback token")).ok()?;
        proof.update(call);
        Some(proof)
    }
}

fn written(invitation: InvitationId, mode: Mode, revision: u32) -> [u8; CALL_BYTES] {
    let mut call = [0; CALL_BYTES];
    call[..16].copy_from_slice(invitation.bytes());
    call[16] = match mode {
        Mode::Prototype => 0,
        Mode::Final => 1,
    };
    call[17..].copy_from_slice(&revision.to_be_bytes());
    call
}

fn read(call: &[u8; CALL_BYTES]) -> Option<(InvitationId, Mode, u32)> {
    let (invitation, rest) = call.split_first_chunk::<16>()?;
    let (mode, revision) = rest.split_first()?;
    let mode = match mode {
        0 => Mode::Prototype,
        1 => Mode::Final,
        _ => return None,
    };
    let invitation = InvitationId::from_uuid(Uuid::from_bytes(*invitation));
    Some((invitation, mode, u32::from_be_bytes(revision.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn invitation(n: u128) -> InvitationId {
        InvitationId::from_uuid(Uuid::from_u128(n))
    }

    fn calls() -> impl Iterator<Item = (InvitationId, Mode, u32)> {
        let modes = Mode::ALL.into_iter().flat_map(|mode| [0, 1, u32::MAX].map(|revision| (mode, revision)));
        modes.flat_map(|(mode, revision)| [1, 2].map(|n| (invitation(n), mode, revision)))
    }

    #[test]
    fn a_token_leads_to_its_call_and_no_other_text_does() {
        let (vault, other) = (Vault::from_key([1; 32]), Vault::from_key([2; 32]));
        for (invitation, mode, revision) in calls() {
            let token = vault.callback_token(invitation, mode, revision);
            assert_eq!(vault.read_callback_token(&token), Some((invitation, mode, revision)));
            assert_eq!(other.read_callback_token(&token), None, "another key file");
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{token}");
        }
        for text in ["", "x", "AAAA", "..", "%00", &"A".repeat(71), &"A".repeat(10_000)] {
            assert_eq!(vault.read_callback_token(text), None, "{text}");
        }
    }

    #[test]
    fn a_changed_token_is_none() {
        let vault = Vault::from_key([1; 32]);
        let token = vault.callback_token(invitation(7), Mode::Prototype, 0);
        for at in 0..token.len() {
            for letter in ["A", "B", "x", "_", "=", "", "AA"] {
                let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
                assert!(changed == token || vault.read_callback_token(&changed).is_none(), "{changed}");
            }
        }
        for changed in [format!("{token}="), format!("{token}A"), format!(" {token}"), token[1..].to_owned()]
        {
            assert_eq!(vault.read_callback_token(&changed), None, "{changed}");
        }
    }

    #[test]
    fn every_call_has_a_token_and_a_secret_of_its_own() {
        let vault = Vault::from_key([1; 32]);
        let tokens: BTreeSet<_> = calls().map(|(i, m, r)| vault.callback_token(i, m, r)).collect();
        let secrets: BTreeSet<_> =
            calls().map(|(i, m, r)| vault.callback_secret(i, m, r).expose().to_owned()).collect();
        assert_eq!((tokens.len(), secrets.len()), (calls().count(), calls().count()));
        let secret = vault.callback_secret(invitation(7), Mode::Final, 1);
        assert_eq!(secret, vault.callback_secret(invitation(7), Mode::Final, 1), "the same after a restart");
        assert_ne!(secret, Vault::from_key([2; 32]).callback_secret(invitation(7), Mode::Final, 1));
        let key = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
    }
}
