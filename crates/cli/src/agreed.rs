//! What a server's settings say of money must fit what its database has seen of it.

use crate::Failure;
use crate::settings::AppConfig;
use gavel_domain::policy::MoneyMode;
use gavel_store::Store;

/// Keeps the currency the first time, and compares it afterwards.
///
/// # Errors
/// [`Failure::OtherCurrency`]: amounts of the one would be taken for amounts of the other.
pub(crate) async fn on_money(store: &Store, config: &AppConfig) -> Result<(), Failure> {
    let set = config.currency.code();
    let kept = store.keep_currency(set).await?;
    if kept != set {
        return Err(Failure::OtherCurrency { kept, set: set.to_owned() });
    }
    if config.money.mode == MoneyMode::Off {
        let transfers = store.count_transfers().await?;
        if transfers > 0 {
            tracing::warn!(
                "money.mode is off, but the ledger of this database has {transfers} transfers: what is held is settled as it was agreed, and from now on nothing is held for a selection"
            );
        }
    }
    Ok(())
}
