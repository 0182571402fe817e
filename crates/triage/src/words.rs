//! Words of the domain in documents: each as its name.

use gavel_domain::ladder::Tier;
use serde::{Deserialize, Deserializer, Serializer, de};
use std::str::FromStr;

/// A tier as its word.
pub(crate) mod tier {
    use super::{Deserializer, Serializer, Tier, read};

    pub(crate) fn serialize<S: Serializer>(tier: &Tier, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(tier.name())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tier, D::Error> {
        read(from)
    }
}

fn read<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<T, D::Error>
where
    T::Err: std::fmt::Display,
{
    std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
}
