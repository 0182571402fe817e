//! The long bodies of bids and deliveries, written once.

use crate::db::{Conn, row, sql};
use crate::rows::{json, to_json, word};
use crate::{Error, Result};
use gavel_domain::bid::Bid;
use gavel_domain::invitation::{Answer, Artifact, TokenUsage};
use gavel_domain::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const T: &str = "answers";

#[derive(Serialize, Deserialize)]
struct StoredArtifact {
    kind: String,
    filename: String,
    content: String,
}

#[derive(Serialize, Deserialize)]
struct StoredUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    model: Option<String>,
    cost_usd: Option<f64>,
}

row! {
    struct AnswerRow {
        full_text: String,
        summary: String,
        message: Option<String>,
        artifacts: String,
        token_usage: Option<String>,
    }
}

/// The answer of a bid or delivery.
pub(crate) async fn load(c: &mut Conn, owner: Uuid, price: Money) -> Result<Option<Answer>> {
    let row = sql!(
        c,
        fetch_optional as AnswerRow,
        "SELECT full_text, summary, message, artifacts, token_usage FROM answers WHERE owner_id = $1",
        owner
    )?;
    row.map(|row| answer(row, price)).transpose()
}

fn answer(row: AnswerRow, price: Money) -> Result<Answer> {
    let artifacts: Vec<StoredArtifact> = json(&row.artifacts, T, "artifacts")?;
    let usage: Option<StoredUsage> =
        row.token_usage.as_deref().map(|text| json(text, T, "token_usage")).transpose()?;
    Ok(Answer {
        full_text: row.full_text,
        summary: row.summary,
        message: row.message,
        artifacts: artifacts.into_iter().map(artifact).collect::<Result<_>>()?,
        token_usage: usage.map(|u| TokenUsage {
            input_tokens: u.input_tokens,
            output_tokens: u.output_tokens,
            model: u.model,
            cost_usd: u.cost_usd,
        }),
        price,
    })
}

fn artifact(stored: StoredArtifact) -> Result<Artifact> {
    Ok(Artifact {
        kind: word(&stored.kind, T, "artifacts")?,
        filename: stored.filename,
        content: stored.content,
    })
}

pub(crate) async fn insert(c: &mut Conn, owner: Uuid, answer: &Answer) -> Result<()> {
    let artifacts: Vec<_> = answer
        .artifacts
        .iter()
        .map(|a| StoredArtifact {
            kind: a.kind.name().to_owned(),
            filename: a.filename.clone(),
            content: a.content.clone(),
        })
        .collect();
    let usage = answer.token_usage.as_ref().map(|u| StoredUsage {
        input_tokens: u.input_tokens,
        output_tokens: u.output_tokens,
        model: u.model.clone(),
        cost_usd: u.cost_usd,
    });
    sql!(
        c,
        execute,
        "INSERT INTO answers (owner_id, full_text, summary, message, artifacts, token_usage)
         VALUES ($1, $2, $3, $4, $5, $6)",
        owner,
        &answer.full_text,
        &answer.summary,
        &answer.message,
        to_json(&artifacts, T, "artifacts")?,
        usage.map(|u| to_json(&u, T, "token_usage")).transpose()?
    )?;
    Ok(())
}

pub(crate) async fn insert_bid(c: &mut Conn, bid: &Bid) -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::forget_answer(c, bid.invitation).await?;
    sql!(
        c,
        execute,
        "INSERT INTO bids (id, task_id, round, invitation_id, agent_id, status, price, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        bid.id.uuid(),
        bid.task.uuid(),
        i64::from(bid.round),
        bid.invitation.uuid(),
        bid.agent.uuid(),
        bid.status.name(),
        bid.answer.price.minor(),
        bid.received_at
    )?;
    insert(c, bid.id.uuid(), &bid.answer).await
}

/// What is shown in place of an answer that retention has removed.
pub(crate) fn removed(at: Timestamp, price: Money) -> Answer {
    let told = format!("Removed by retention on {}.", at.date_naive());
    Answer {
        full_text: told.clone(),
        summary: told,
        message: None,
        artifacts: Vec::new(),
        token_usage: None,
        price,
    }
}

/// A bid whose body has gone, and was not removed, is a broken database, not a missing page.
pub(crate) fn missing(owner: Uuid) -> Error {
    Error::Inconsistent { table: T, column: "owner_id", problem: format!("no answer is stored for {owner}") }
}
