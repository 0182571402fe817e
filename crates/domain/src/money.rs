//! Money in integer minor units of the platform's one currency. Checked arithmetic; every split conserves every
//! minor unit.

mod decimal;

pub use decimal::{AmountError, PriceError, parse_price};

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

    /// The sum of many, unless it overflows on the way.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Money>) -> Option<Money> {
        amounts.into_iter().try_fold(Money::ZERO, Money::checked_add)
    }

    /// The same amount the other way.
    pub fn checked_neg(self) -> Option<Money> {
        self.0.checked_neg().map(Money)
    }

    /// Divides a price between the platform and the developer: the fee is rounded down, the rest is the payout, so
    /// the developer never gets less than its share. `None` for what is no payable amount (zero, negative) or a
    /// share above the whole.
    pub fn split(self, fee: BasisPoints) -> Option<Split> {
        if self.0 <= 0 || fee > BasisPoints::WHOLE {
            return None;
        }
        let floored = i128::from(self.0) * i128::from(fee.0) / i128::from(BasisPoints::WHOLE.0);
        let fee = Money(i64::try_from(floored).ok()?);
        Some(Split { fee, payout: self.checked_sub(fee)? })
    }

    /// Decimal text such as `22.00`.
    pub fn to_decimal_string(self, currency: &Currency) -> String {
        let scale = 10_u64.pow(u32::from(currency.exponent));
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        match currency.exponent {
            0 => format!("{sign}{size}"),
            digits => format!("{sign}{}.{:0width$}", size / scale, size % scale, width = usize::from(digits)),
        }
    }

    /// For JSON only, never for arithmetic: the nearest double. It prints as the same decimal value up to fifteen
    /// digits of minor units; beyond, a double has no room for every cent.
    pub fn to_f64(self, currency: &Currency) -> f64 {
        self.0 as f64 / 10_f64.powi(i32::from(currency.exponent))
    }
}

/// A price divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The platform's share.
    pub fee: Money,
    /// The developer's share.
    pub payout: Money,
}

/// Hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BasisPoints(pub u16);

impl BasisPoints {
    /// One hundred percent.
    pub const WHOLE: BasisPoints = BasisPoints(10_000);
}

/// A currency: its ISO code and how many decimals its minor unit has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    code: String,
    exponent: u8,
}

/// A code that is no currency's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?} is no currency code: use three capital letters, such as USD")]
pub struct CurrencyError {
    /// What was given.
    pub code: String,
}

/// Currencies without minor units (ISO 4217).
const NO_DECIMALS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies with three decimals (ISO 4217).
const THREE_DECIMALS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// Units of account with four decimals (ISO 4217).
const FOUR_DECIMALS: &[&str] = &["CLF", "UYW"];

impl Currency {
    /// A currency by its ISO 4217 code.
    pub fn new(code: &str) -> Result<Currency, CurrencyError> {
        if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(CurrencyError { code: code.to_owned() });
        }
        let exponent = match code {
            _ if NO_DECIMALS.contains(&code) => 0,
            _ if THREE_DECIMALS.contains(&code) => 3,
            _ if FOUR_DECIMALS.contains(&code) => 4,
            _ => 2,
        };
        Ok(Currency { code: code.to_owned(), exponent })
    }

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
    /// Minor units; amounts for people need their currency: [`Money::to_decimal_string`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_split_by_hand() {
        let split = Money(5000).split(BasisPoints(1500)).unwrap();
        assert_eq!((split.fee, split.payout), (Money(750), Money(4250)));
        assert_eq!(Money(-1).split(BasisPoints(1500)), None);
        assert_eq!(Money(0).split(BasisPoints(1500)), None);
        assert_eq!(Money(1).split(BasisPoints(10_001)), None);
        assert!(Money(i64::MAX).split(BasisPoints::WHOLE).is_some());
    }

    #[test]
    fn currencies_know_their_decimals() {
        let text = |code: &str| Money(2205).to_decimal_string(&Currency::new(code).unwrap());
        assert_eq!((text("USD"), text("JPY"), text("KWD")), ("22.05".into(), "2205".into(), "2.205".into()));
        assert_eq!(Money(-5).to_decimal_string(&Currency::new("AUD").unwrap()), "-0.05");
        assert_eq!(text("CLF"), "0.2205");
        assert_eq!(
            Money(i64::MIN).to_decimal_string(&Currency::new("USD").unwrap()),
            "-92233720368547758.08"
        );
        for code in ["usd", "DOLLAR", "", "US", "U$D", "ÜD"] {
            assert!(Currency::new(code).is_err(), "{code}");
        }
    }

    #[test]
    fn a_sum_that_overflows_is_no_sum() {
        assert_eq!(Money::checked_sum([Money(1), Money(-3)]), Some(Money(-2)));
        assert_eq!(Money::checked_sum([]), Some(Money::ZERO));
        assert_eq!(Money::checked_sum([Money(i64::MAX), Money(1), Money(-1)]), None);
    }

    proptest! {
        #[test]
        fn json_shows_the_same_decimal(minor in -999_999_999_999_999_i64..=999_999_999_999_999) {
            for code in ["USD", "JPY", "KWD"] {
                let currency = Currency::new(code).unwrap();
                let shown = serde_json::to_string(&Money(minor).to_f64(&currency)).unwrap();
                prop_assert_eq!(Money::parse_exact(&shown, &currency), Ok(Money(minor)));
            }
        }

        #[test]
        fn a_split_conserves_every_minor_unit(amount in 1_i64..=i64::MAX, fee in 0_u16..=10_000) {
            let split = Money(amount).split(BasisPoints(fee)).unwrap();
            prop_assert_eq!(split.fee.checked_add(split.payout), Some(Money(amount)));
            prop_assert!(split.fee.minor() >= 0 && split.payout.minor() >= 0);
        }
    }
}
