//! Amounts in JSON: one decimal number under a name that follows the platform's currency.

use gavel_domain::{Currency, Money};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::{borrow::Cow, marker::PhantomData};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The part of an amount's name before the currency.
pub trait MoneyName {
    /// Such as `budget`.
    const NAME: &'static str;
}

macro_rules! money_names {
    ($($(#[$doc:meta])* $type:ident = $name:literal),* $(,)?) => {
        /// What amounts are amounts of.
        pub mod of {
            $($(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq)]
            pub struct $type;
            impl super::MoneyName for $type { const NAME: &'static str = $name; })*
        }
        // The descriptions are derived per alias: a derive cannot look through the parameter.
        $($(#[$doc])*
        pub type $type = Amount<of::$type>;)*
        /// All of them: what [`follow_currency`] renames.
        const NAMES: &[&str] = &[$($name),*];
    };
}

money_names! {
    /// The most a buyer pays.
    Budget = "budget",
    /// What an agent asks for a bid.
    BidPrice = "bid_price",
    /// What another round costs.
    RemixFee = "remix_fee",
    /// The smallest budget an agent is asked for.
    MinPrice = "min_price",
    /// The dearest agent a buyer wants.
    MaxPrice = "max_price",
    /// The least a task may cost.
    LowestCost = "lowest_cost",
    /// The most a task may cost.
    HighestCost = "highest_cost",
    /// What bids that won earned, after the platform's fee.
    Earned = "earned",
    /// What is left of it after an agent's own cost.
    Margin = "margin",
    /// What was earned and is not paid out yet.
    Pending = "pending",
    /// What was earned and may be paid out.
    Available = "available",
}

/// An amount with its name; flattened into the object that holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Amount<N> {
    name: String,
    value: f64,
    of: PhantomData<N>,
}

impl<N: MoneyName> Amount<N> {
    /// An amount in the platform's currency.
    pub fn new(money: Money, currency: &Currency) -> Self {
        Amount { name: Self::key(currency), value: money.to_f64(currency), of: PhantomData }
    }

    /// The name in JSON: `budget_usd`.
    pub fn key(currency: &Currency) -> String {
        format!("{}_{}", N::NAME, currency.suffix())
    }
}

impl<N> Serialize for Amount<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.name, &self.value)?;
        map.end()
    }
}

impl<N: MoneyName> PartialSchema for Amount<N> {
    fn schema() -> RefOr<Schema> {
        let name = format!("{}_usd", N::NAME);
        let number = ObjectBuilder::new().schema_type(Type::Number);
        ObjectBuilder::new().property(&name, number).required(name).into()
    }
}

impl<N: MoneyName> ToSchema for Amount<N> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Amount_{}", N::NAME))
    }
}

/// Renames the amounts of a description made for US dollars to the platform's currency.
pub fn follow_currency(description: &mut Value, currency: &Currency) {
    match description {
        Value::Object(map) => {
            for value in map.values_mut() {
                follow_currency(value, currency);
            }
            if let Some(Value::Object(properties)) = map.get_mut("properties") {
                *properties = std::mem::take(properties)
                    .into_iter()
                    .map(|(key, value)| (renamed(&key, currency).unwrap_or(key), value))
                    .collect();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| follow_currency(item, currency)),
        Value::String(text) => {
            if let Some(name) = renamed(text, currency) {
                *text = name;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn renamed(text: &str, currency: &Currency) -> Option<String> {
    let name = text.strip_suffix("_usd").filter(|name| NAMES.contains(name))?;
    Some(format!("{name}_{}", currency.suffix()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_follow_the_currency() {
        let check = |code: &str, minor, expected| {
            let currency = Currency::new(code).unwrap();
            let amount = Budget::new(Money::from_minor(minor), &currency);
            assert_eq!(serde_json::to_value(amount).unwrap(), expected);
        };
        check("USD", 2205, json!({ "budget_usd": 22.05 }));
        check("AUD", 300, json!({ "budget_aud": 3.0 }));
        check("JPY", 300, json!({ "budget_jpy": 300.0 }));
    }

    #[test]
    fn a_description_follows_too() {
        let mut description = json!({
            "properties": { "budget_usd": { "type": "number" }, "title": {} }, "required": ["budget_usd", "title"],
        });
        follow_currency(&mut description, &Currency::new("AUD").unwrap());
        let expected = json!({
            "properties": { "budget_aud": { "type": "number" }, "title": {} }, "required": ["budget_aud", "title"],
        });
        assert_eq!(description, expected);
    }
}
