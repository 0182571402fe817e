//! An error with all its causes, on one line: for the log, and for whoever reads the command line.

use std::error::Error;
use std::fmt;

/// Shows `error: cause: its cause`.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut causes = std::iter::successors(self.0.source(), |&cause| cause.source());
        causes.try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::ParseIntError;

    #[derive(Debug, thiserror::Error)]
    #[error("no price")]
    struct NoPrice(#[source] ParseIntError);

    #[test]
    fn causes_follow_what_they_caused() {
        let cause = "x".parse::<i32>().unwrap_err();
        assert_eq!(Chain(&cause).to_string(), "invalid digit found in string");
        assert_eq!(Chain(&NoPrice(cause)).to_string(), "no price: invalid digit found in string");
    }
}
