//! Documents that many decisions share, stored once under the hash of what they say.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The first 128 bits of the SHA-256 of a content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

/// A document under its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Of the text.
    pub hash: ContentHash,
    /// JSON.
    pub text: String,
}

impl Content {
    /// A value as a content.
    pub(crate) fn of(value: &impl Serialize) -> Content {
        Content::new(text_of(value))
    }

    /// A text as a content.
    pub fn new(text: String) -> Content {
        Content { hash: ContentHash::of(&text), text }
    }
}

/// A value as the text of a content. Plain structs of texts and numbers always serialise.
pub(crate) fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl ContentHash {
    /// The hash of a text.
    pub fn of(text: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        ContentHash(hash)
    }

    /// Its 16 bytes, as they are stored.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for ContentHash {
    fn from(bytes: [u8; 16]) -> Self {
        ContentHash(bytes)
    }
}

/// A word that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no hash of a content: 32 lowercase hexadecimal digits")]
pub struct NoHash(String);

impl FromStr for ContentHash {
    type Err = NoHash;
    fn from_str(word: &str) -> Result<Self, NoHash> {
        let mut hash = [0; 16];
        hex::decode_to_slice(word, &mut hash).map_err(|_| NoHash(word.to_owned()))?;
        Ok(ContentHash(hash))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        // 16 bytes are 32 digits, and digits are ASCII.
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
