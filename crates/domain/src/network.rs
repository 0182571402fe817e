//! Which addresses may be dialled. One rule for registration, probes and dispatch: public https by name, unless the
//! operator's allow list names what else.

mod address;
mod allow;
mod url_text;

pub use address::{Forbidden, classify};
pub use allow::{Allow, AllowError};

use std::net::IpAddr;
use url::{Host, Url};

/// More answers than any honest name has; a name with more is refused whole.
pub const DNS_ANSWERS_MAX: usize = 16;

/// The rule, with the operator's exceptions.
#[derive(Debug, Clone)]
pub struct Guard {
    /// What may be dialled beside the public internet.
    pub allow: Allow,
    /// Ports of public agents.
    pub ports: Vec<u16>,
    /// Our own public names: dialling them would loop.
    pub own_hosts: Vec<String>,
}

impl Default for Guard {
    fn default() -> Self {
        Guard { allow: Allow::default(), ports: vec![443, 8443], own_hosts: Vec::new() }
    }
}

/// Why an address may not be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refused {
    code: &'static str,
    sentence: &'static str,
}

impl Refused {
    pub(crate) const fn new(code: &'static str, sentence: &'static str) -> Self {
        Self { code, sentence }
    }

    /// A stable code.
    pub const fn code(self) -> &'static str {
        self.code
    }
}

impl Guard {
    /// Judges a URL as text, before any name is resolved.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn check_url(&self, text: &str) -> Result<Url, Refused> {
        url_text::check_spelling(text)?;
        let parsed = Url::parse(text).map_err(|_| Refused::new("parse", "this is no absolute URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(SCHEME);
        }
        let host = parsed.host().ok_or(Refused::new("parse", "the URL has no host"))?;
        let port = parsed.port_or_known_default().unwrap_or(0);
        let allowed = self.allow.names_host(&host, port);
        if parsed.scheme() != "https" && !allowed {
            return Err(SCHEME);
        }
        url_text::check_parts(text, &parsed)?;
        if !allowed {
            self.check_public(&host, port)?;
        }
        Ok(parsed)
    }

    /// Judges one resolved address of a host.
    ///
    /// # Errors
    /// The kind of address it is, when that kind may not be dialled.
    pub fn check_address(&self, host: &str, port: u16, ip: IpAddr) -> Result<(), Refused> {
        let kind = classify(ip);
        if address::is_metadata(ip) {
            let code = kind.err().map_or(address::METADATA, Forbidden::code);
            return Err(Refused::new(code, "this is a cloud metadata address; nothing opens those"));
        }
        if self.allow.contains(ip) || self.allow.names(host, port) {
            return Ok(());
        }
        kind.map_err(|kind| Refused::new(kind.code(), "the address is not a public one"))
    }

    /// Judges all answers of a name together: one bad one spoils the name.
    ///
    /// # Errors
    /// No answer, too many, or any that may not be dialled.
    pub fn check_answers(&self, host: &str, port: u16, answers: &[IpAddr]) -> Result<(), Refused> {
        if answers.is_empty() {
            return Err(Refused::new("no_address", "the name has no address"));
        }
        if answers.len() > DNS_ANSWERS_MAX {
            return Err(Refused::new("too_many_answers", "the name has more than 16 addresses"));
        }
        let judged: Vec<_> = answers.iter().map(|ip| self.check_address(host, port, *ip)).collect();
        if judged.iter().any(Result::is_ok) && judged.iter().any(Result::is_err) {
            return Err(Refused::new("mixed_answers", "some of the name's addresses may not be dialled"));
        }
        judged.into_iter().collect()
    }

    fn check_public(&self, host: &Host<&str>, port: u16) -> Result<(), Refused> {
        let Host::Domain(name) = host else {
            return Err(Refused::new("ip_literal", "use a host name, not an address"));
        };
        let undotted = url_text::check_name(name)?;
        if self.own_hosts.iter().any(|own| own.eq_ignore_ascii_case(undotted)) {
            return Err(Refused::new("own_name", "this is our own name; it would loop"));
        }
        if undotted.len() < name.len() {
            return Err(Refused::new("trailing_dot", "write the host without a trailing dot"));
        }
        if !self.ports.contains(&port) {
            return Err(Refused::new(
                "port",
                "the port is not among the permitted ones (443 and 8443 by default)",
            ));
        }
        Ok(())
    }
}

const SCHEME: Refused = Refused::new(
    "scheme",
    "only https URLs may be dialled, and http ones that the operator allows (network.allow)",
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_trailing_dot_hides_nothing() {
        let guard = Guard { own_hosts: vec!["gavel.example.com".to_owned()], ..Guard::default() };
        let check = |url: &str, code: &str| {
            assert_eq!(guard.check_url(url).map_err(Refused::code), Err(code), "{url}");
        };
        check("https://GAVEL.example.com:8443/", "own_name");
        check("https://gavel.example.com./", "own_name");
        check("https://db.internal./", "forbidden_name");
        check("https://metadata.goog./", "forbidden_name");
        check("https://agent.example.com./", "trailing_dot");
        check("https://agent.example.com../", "bad_label");
        check("http://db.internal/", "scheme");
    }

    #[test]
    fn a_refusal_is_named_after_the_kind_of_address() {
        let guard = Guard::default();
        let check = |ip: &str, code: &str| {
            let got = guard.check_address("agent.example.com", 443, ip.parse().unwrap());
            assert_eq!(got.map_err(Refused::code), Err(code), "{ip}");
        };
        check("169.254.169.254", "link_local");
        check("100.100.100.200", "cgnat");
        check("192.0.0.192", "ietf_protocol");
        check("168.63.129.16", "metadata");
        check("fd00:ec2::254", "unique_local");
        check("64:ff9b::a9fe:a9fe", "nat64");
        check("2002:a9fe:a9fe::1", "6to4");
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in any::<String>()) {
            let _ = Guard::default().check_url(&text);
        }

        /// Whatever passes with nothing allowed is one plain https URL that every parser reads alike.
        #[test]
        fn what_passes_is_plain(
            text in r"(https?:/{0,4})?[a-z0-9@.:\[\]%_\-]{0,20}(\.com)?(:[0-9]{0,5})?[/?#@.a\\]{0,6}",
        ) {
            if let Ok(url) = Guard::default().check_url(&text) {
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(matches!(url.host(), Some(Host::Domain(name)) if !name.ends_with('.')));
                prop_assert!(matches!(url.port_or_known_default(), Some(443 | 8443)));
                prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
                prop_assert!(Guard::default().check_url(url.as_str()).is_ok(), "what is stored passes again");
            }
        }

        #[test]
        fn no_allow_opens_metadata(host in "[a-z]{1,8}", port in any::<u16>()) {
            let allow = format!("0.0.0.0/0, ::/0, {host}, {host}:{port}").parse().unwrap();
            let guard = Guard { allow, ..Guard::default() };
            for v4 in address::METADATA_V4 {
                for ip in address::spellings(v4) {
                    prop_assert!(guard.check_address(&host, port, ip).is_err(), "{}", ip);
                    prop_assert!(guard.check_answers(&host, port, &[ip]).is_err(), "{}", ip);
                }
            }
        }
    }
}
