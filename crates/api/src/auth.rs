//! Who calls, and whether their key lets them: checked before anything is looked up.

use crate::AppState;
use crate::problem::{OUTAGE, Problem};
use axum::extract::FromRequestParts;
use gavel_domain::account::{ApiKey, Scope};
use http::{header, request::Parts};
use std::{marker::PhantomData, ops::Deref};

/// A caller whose key has the right `R`.
#[derive(Debug)]
pub(crate) struct May<R> {
    key: ApiKey,
    right: PhantomData<R>,
}

/// What a route asks of a key.
pub(crate) trait Right {
    /// The scope it needs; `None`: any.
    const SCOPE: Option<Scope>;
    /// Whether it changes anything: read-only keys may not.
    const CHANGES: bool;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident: $scope:expr, changes: $changes:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Right for $name {
            const SCOPE: Option<Scope> = $scope;
            const CHANGES: bool = $changes;
        }
    )*};
}

rights! {
    /// Looks at tasks.
    SeeTasks: Some(Scope::TaskPoster), changes: false;
    /// Posts tasks and decides.
    ActOnTasks: Some(Scope::TaskPoster), changes: true;
    /// Looks at agents.
    SeeAgents: Some(Scope::AgentManager), changes: false;
    /// Registers and changes agents.
    ActOnAgents: Some(Scope::AgentManager), changes: true;
    /// Looks at why agents were asked: buyers at their tasks, developers at their agents.
    SeeDecisions: None, changes: false;
    /// Looks at what is everybody's.
    SeeEverything: Some(Scope::Admin), changes: false;
    /// Does what only operators do.
    ActOnEverything: Some(Scope::Admin), changes: true;
    /// Looks at what everybody with a key may see.
    SeeCatalog: None, changes: false;
}

impl<R> Deref for May<R> {
    type Target = ApiKey;
    fn deref(&self) -> &ApiKey {
        &self.key
    }
}

/// Whether a key sees what belongs to others.
pub(crate) fn sees_all(key: &ApiKey) -> bool {
    key.scope == Scope::Admin
}

impl<R: Right + Send> FromRequestParts<AppState> for May<R> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let key = identify(parts, state).await?;
        let in_scope = R::SCOPE.is_none_or(|scope| scope == key.scope) || key.scope == Scope::Admin;
        if !in_scope {
            let needed = R::SCOPE.map_or("any", Scope::name);
            return Err(Problem::forbidden(format!(
                "This key has the scope {}; this needs {needed}.",
                key.scope.name()
            )));
        }
        if R::CHANGES && key.read_only {
            return Err(Problem::forbidden("This key is read-only; use one that may change things."));
        }
        Ok(May { key, right: PhantomData })
    }
}

async fn identify(parts: &Parts, state: &AppState) -> Result<ApiKey, Problem> {
    let text = bearer(parts)?;
    if text.starts_with("ait_") {
        let detail = "An ait_ key is what Gavel shows to agents, no credential; use an aitk_ key.";
        return Err(Problem::unauthorized(detail));
    }
    let known = if text.starts_with("aitk_live_") || text.starts_with("aitk_test_") {
        state.store.key_by_hash(&gavel_vault::hash_key(text)).await?
    } else {
        None
    };
    let key = known.ok_or_else(|| Problem::unauthorized("This key is unknown or revoked."))?;
    if let Err(cause) = state.store.touch_key(key.id, state.now()).await
        && OUTAGE.is_news()
    {
        tracing::warn!(%cause, "the last use of a key could not be noted");
    }
    Ok(key)
}

fn bearer(parts: &Parts) -> Result<&str, Problem> {
    let missing = || Problem::unauthorized("Send `Authorization: Bearer aitk_...`.");
    let value = parts.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, key) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key.trim()) } else { Err(missing()) }
}
