//! What requests are signed with, sealed: a developer's key, and each agent's signing secret with the one that follows.
//!
//! A new secret is pending until its time comes; nothing has to happen at that time. Which secrets are in use is read
//! off the row and the clock, and a secret that is not in use any more goes with the next rotation.

use crate::db::{Conn, sql};
use crate::{Deed, Error, Result, Store, locks};
use gavel_domain::{AgentId, DeveloperId, Timestamp};

/// An agent's signing secrets as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecrets {
    /// The one that was promoted last.
    pub current: Vec<u8>,
    /// The one that follows, and when.
    pub pending: Option<(Vec<u8>, Timestamp)>,
}

impl SealedSecrets {
    /// The secrets to sign with at `now`, the current one first: both while they overlap, the newer alone afterwards.
    pub fn live(&self, now: Timestamp) -> Vec<&[u8]> {
        match &self.pending {
            Some((pending, promotes_at)) if now < *promotes_at => vec![&self.current, pending],
            Some((pending, _)) => vec![pending],
            None => vec![&self.current],
        }
    }

    /// When the overlap that is under way at `now` ends.
    pub fn overlaps_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pending.as_ref().map(|(_, promotes_at)| *promotes_at).filter(|at| now < *at)
    }

    /// With a new pending secret. `Err`: one is pending already, until then.
    fn rotated(
        self,
        fresh: &[u8],
        promotes_at: Timestamp,
        now: Timestamp,
    ) -> std::result::Result<Self, Timestamp> {
        match self.overlaps_until(now) {
            Some(until) => Err(until),
            None => Ok(Self { pending: Some((fresh.to_vec(), promotes_at)), ..self.promoted() }),
        }
    }

    /// With the newest secret alone.
    fn promoted(self) -> Self {
        let current = self.pending.map_or(self.current, |(pending, _)| pending);
        Self { current, pending: None }
    }
}

/// What became of a wish for a new signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a rotation that was refused changed nothing"]
pub enum Rotation {
    /// The new secret is pending.
    Done,
    /// Another one is, until then.
    Overlaps {
        /// When it becomes the current one.
        until: Timestamp,
    },
}

impl Store {
    /// An agent's secrets. `None`: there is no such agent.
    pub async fn sealed_secrets(&self, agent: AgentId) -> Result<Option<SealedSecrets>> {
        secrets(&mut self.read().await?, agent).await
    }

    /// The key that a developer's agents are shown, sealed. `None`: there is no such developer.
    pub async fn sealed_developer_key(&self, developer: DeveloperId) -> Result<Option<Vec<u8>>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Vec<u8>,),
            "SELECT sealed_key FROM developers WHERE id = $1",
            developer.uuid()
        )?;
        Ok(row.map(|(sealed,)| sealed))
    }
}

impl Deed {
    /// Makes `fresh` the pending secret of an agent until `promotes_at`, unless one is pending now.
    pub async fn rotate_secret(
        &mut self,
        agent: AgentId,
        fresh: &[u8],
        promotes_at: Timestamp,
        now: Timestamp,
    ) -> Result<Rotation> {
        match held_secrets(&mut self.tx, agent).await?.rotated(fresh, promotes_at, now) {
            Ok(rotated) => write(&mut self.tx, agent, &rotated).await.map(|()| Rotation::Done),
            Err(until) => Ok(Rotation::Overlaps { until }),
        }
    }

    /// Ends an overlap at once. `false`: none is under way.
    pub async fn promote_secret(&mut self, agent: AgentId, now: Timestamp) -> Result<bool> {
        let held = held_secrets(&mut self.tx, agent).await?;
        let overlaps = held.overlaps_until(now).is_some();
        if overlaps {
            write(&mut self.tx, agent, &held.promoted()).await?;
        }
        Ok(overlaps)
    }

    /// Replaces the key that a developer's agents are shown.
    pub async fn replace_developer_key(&mut self, developer: DeveloperId, sealed: &[u8]) -> Result<()> {
        let changed = sql!(
            self.tx,
            execute,
            "UPDATE developers SET sealed_key = $2 WHERE id = $1",
            developer.uuid(),
            sealed
        )?;
        if changed == 1 {
            return Ok(());
        }
        Err(Error::Inconsistent {
            table: "developers",
            column: "id",
            problem: format!("developer {developer} does not exist"),
        })
    }
}

type Row = (Vec<u8>, Option<Vec<u8>>, Option<Timestamp>);

fn read((current, pending, promotes_at): Row) -> SealedSecrets {
    SealedSecrets { current, pending: pending.zip(promotes_at) }
}

async fn secrets(c: &mut Conn, agent: AgentId) -> Result<Option<SealedSecrets>> {
    let row = sql!(
        c,
        fetch_optional as Row,
        "SELECT sealed_secret, pending_secret, promotes_at FROM agents WHERE id = $1",
        agent.uuid()
    )?;
    Ok(row.map(read))
}

/// Two rotations at once come one after the other: on SQLite every writer does, on PostgreSQL the row is locked.
async fn held_secrets(c: &mut Conn, agent: AgentId) -> Result<SealedSecrets> {
    locks::agent(c, agent).await?;
    secrets(c, agent).await?.ok_or_else(|| Error::Inconsistent {
        table: "agents",
        column: "id",
        problem: format!("agent {agent} does not exist"),
    })
}

async fn write(c: &mut Conn, agent: AgentId, secrets: &SealedSecrets) -> Result<()> {
    let (pending, promotes_at) = secrets.pending.as_ref().map(|(pending, at)| (pending, *at)).unzip();
    sql!(
        c,
        execute,
        "UPDATE agents SET sealed_secret = $2, pending_secret = $3, promotes_at = $4 WHERE id = $1",
        agent.uuid(),
        &secrets.current,
        pending,
        promotes_at
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap_or_default()
    }

    #[test]
    fn the_clock_alone_decides_which_secrets_are_in_use() {
        let first = SealedSecrets { current: b"1".to_vec(), pending: None };
        assert_eq!(first.live(at(0)), [b"1"]);
        let overlap = first.rotated(b"2", at(100), at(0)).expect("nothing is pending");
        let check = |now, expected: &[&[u8]]| assert_eq!(overlap.live(at(now)), expected, "at {now}");
        check(0, &[b"1", b"2"]);
        check(99, &[b"1", b"2"]);
        check(100, &[b"2"]);
        check(1000, &[b"2"]);
    }

    #[test]
    fn a_secret_is_rotated_when_no_other_is_pending() {
        let first = SealedSecrets { current: b"1".to_vec(), pending: Some((b"2".to_vec(), at(100))) };
        assert_eq!(first.clone().rotated(b"3", at(199), at(99)), Err(at(100)));
        let later = first.rotated(b"3", at(200), at(100)).expect("the overlap has ended");
        assert_eq!(later, SealedSecrets { current: b"2".to_vec(), pending: Some((b"3".to_vec(), at(200))) });
        assert_eq!(later.promoted(), SealedSecrets { current: b"3".to_vec(), pending: None });
    }
}
