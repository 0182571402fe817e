//! The one currency of a database: amounts are stored without its name, so it never changes once it was used.

use crate::db::{Conn, sql};
use crate::ledger::first_is_in;
use crate::{Result, Store};

/// Under this name the database remembers its currency.
const CURRENCY: &str = "currency";

impl Store {
    /// The currency in which everything here is counted; `None`: no server has worked on this database yet.
    pub async fn currency(&self) -> Result<Option<String>> {
        let mut c = self.read().await?;
        kept(&mut c).await
    }

    /// Keeps `currency` for good where none was used before; gives the one that is kept.
    pub async fn keep_currency(&self, currency: &str) -> Result<String> {
        let used = self.currency().await?;
        self.remember_once(CURRENCY, used.as_deref().unwrap_or(currency)).await
    }
}

pub(crate) async fn kept(c: &mut Conn) -> Result<Option<String>> {
    let row = sql!(c, fetch_optional as (String,), "SELECT value FROM meta WHERE key = $1", CURRENCY)?;
    match row {
        Some((currency,)) => Ok(Some(currency)),
        None => of_the_chain(c).await,
    }
}

/// Ledgers that are older than what is kept name their currency nowhere but in their hashes: the only code with which the
/// first link fits is the one.
async fn of_the_chain(c: &mut Conn) -> Result<Option<String>> {
    let Some(fits) = first_is_in(c).await? else { return Ok(None) };
    let letters = || b'A'..=b'Z';
    let pairs = letters().flat_map(|first| letters().map(move |second| [first, second]));
    let mut codes = pairs.flat_map(|[first, second]| letters().map(move |third| [first, second, third]));
    Ok(codes.find_map(|code| std::str::from_utf8(&code).ok().filter(|code| fits(code)).map(str::to_owned)))
}
