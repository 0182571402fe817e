//! Which parts run in this process: the same binary may answer at one place and work at another.

use std::fmt;
use std::str::FromStr;

/// A part of Gavel that may run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers buyers, developers and agents.
    Api,
    /// Takes tasks a step further.
    Work,
    /// Asks agents how they are.
    Probe,
    /// Tells buyers by webhook.
    Hooks,
}

impl Role {
    /// Every part with its word.
    const ALL: &'static [(Role, &'static str)] =
        &[(Role::Api, "api"), (Role::Work, "work"), (Role::Probe, "probe"), (Role::Hooks, "hooks")];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Some of the parts, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// Every part.
    pub const ALL: Roles = Roles((1 << Role::ALL.len()) - 1);

    /// Whether this part is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Parts can be apart only where several processes may share the database.
    ///
    /// # Errors
    /// The sentence that says so.
    pub fn check(self, database_url: &str) -> Result<(), String> {
        if self == Roles::ALL || !database_url.starts_with("sqlite:") {
            return Ok(());
        }
        Err("on SQLite all parts run in one process: use \"all\", or PostgreSQL for several processes"
            .to_owned())
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Roles, String> {
        if text.trim() == "all" {
            return Ok(Roles::ALL);
        }
        text.split(',').map(str::trim).try_fold(Roles(0), |roles, word| {
            let known = Role::ALL.iter().find(|(_, name)| *name == word);
            let (role, _) = known.ok_or_else(|| {
                let names: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
                format!("{word:?} is no part; use \"all\", or some of {}", names.join(", "))
            })?;
            Ok(Roles(roles.0 | role.bit()))
        })
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mine = Role::ALL.iter().filter(|(role, _)| self.has(*role)).map(|(_, name)| *name);
        f.write_str(&mine.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Roles>().unwrap().to_string(), expected, "{text:?}");
        };
        check("all", "api, work, probe, hooks");
        check("api", "api");
        check("probe, work", "work, probe");
        check("api,work,probe", "api, work, probe");
        check("hooks, api", "api, hooks");
        assert_eq!("api,work,probe,hooks".parse(), Ok(Roles::ALL));
        for wrong in ["", "api,", "apis", "all,api"] {
            let told = wrong.parse::<Roles>().unwrap_err();
            assert!(told.contains("some of api, work, probe"), "{wrong:?}: {told}");
        }
    }

    #[test]
    fn on_sqlite_all_parts_are_together() {
        let work: Roles = "work".parse().unwrap();
        assert!(work.check("sqlite:gavel.db").unwrap_err().contains("PostgreSQL"));
        assert_eq!((work.check("postgres://h/n"), Roles::ALL.check("sqlite:gavel.db")), (Ok(()), Ok(())));
    }
}
