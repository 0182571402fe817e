//! What is known of a category as a whole, where it is decided by `thompson`. One row per category, locked last of all.

use crate::Result;
use crate::db::{Conn, sql};
use crate::rows::{json, to_json};
use gavel_domain::Ppm;
use gavel_triage::thompson::{CategoryState, Evidence, Policy};

const T: &str = "category_states";

/// What is known; nothing before the first score.
pub(crate) async fn category_state(
    c: &mut Conn,
    category: &str,
    test: bool,
) -> Result<Option<CategoryState>> {
    let row = sql!(
        c,
        fetch_optional as (String,),
        "SELECT state FROM category_states WHERE category = $1 AND test = $2",
        category,
        test
    )?;
    row.map(|(text,)| json(&text, T, "state")).transpose()
}

/// After a bid was judged; `before` is what was known of its agent, beside its benchmark.
pub(super) async fn after_score(
    c: &mut Conn,
    (category, test): (&str, bool),
    (before, benchmark): (&Evidence, Option<u32>),
    score: Ppm,
    policy: &Policy,
) -> Result<()> {
    // The row is there from the first on, so that it can be locked.
    sql!(
        c,
        execute,
        "INSERT INTO category_states (category, test, state) VALUES ($1, $2, $3)
         ON CONFLICT (category, test) DO UPDATE SET state = category_states.state",
        category,
        test,
        to_json(&CategoryState::new(policy), T, "state")?
    )?;
    let state = category_state(c, category, test).await?.unwrap_or_else(|| CategoryState::new(policy));
    let after = state.after_score(before, benchmark, score.get(), policy);
    sql!(
        c,
        execute,
        "UPDATE category_states SET state = $3 WHERE category = $1 AND test = $2",
        category,
        test,
        to_json(&after, T, "state")?
    )?;
    Ok(())
}
