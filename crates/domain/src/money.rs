//! Money in integer minor units of the platform's one currency. Checked arithmetic; every split conserves every
//! minor unit.

use std::fmt;

/// An amount in minor units (cents). May be negative: a balance, a ledger line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// An amount in minor units.
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The sum, unless it overflows.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// The difference, unless it overflows.
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        self.0.checked_sub(other.0).map(Money)
    }
}

/// Hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BasisPoints(pub u16);

/// A currency: its ISO code and how many decimals its minor unit has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    code: String,
    exponent: u8,
}

impl Currency {
    /// The lowercase code, as in `budget_usd`.
    pub fn suffix(&self) -> String {
        self.code.to_ascii_lowercase()
    }
    /// The ISO code.
    pub fn code(&self) -> &str {
        &self.code
    }
    /// Decimals of the minor unit.
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
