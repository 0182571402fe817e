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
        url_text::check_parts(text, &parsed)?;
        let host = parsed.host().ok_or(Refused::new("parse", "the URL has no host"))?;
        let port = parsed.port_or_known_default().unwrap_or(0);
        if self.allow.names_host(&host, port) {
            return Ok(parsed);
        }
        self.check_public(&parsed, &host, port)?;
        Ok(parsed)
    }

    /// Judges one resolved address of a host.
    ///
    /// # Errors
    /// The kind of address it is, when that kind may not be dialled.
    pub fn check_address(&self, host: &str, port: u16, ip: IpAddr) -> Result<(), Refused> {
        if address::is_metadata(ip) {
            return Err(Refused::new("link_local", "this is a cloud metadata address; nothing opens those"));
        }
        if self.allow.contains(ip) || self.allow.names(host, port) {
            return Ok(());
        }
        classify(ip).map_err(|kind| Refused::new(kind.code(), "the address is not a public one"))
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

    fn check_public(&self, url: &Url, host: &Host<&str>, port: u16) -> Result<(), Refused> {
        let name = match host {
            Host::Ipv4(_) | Host::Ipv6(_) => {
                return Err(Refused::new("ip_literal", "use a host name, not an address"));
            }
            Host::Domain(name) => *name,
        };
        if url.scheme() != "https" {
            return Err(SCHEME);
        }
        url_text::check_name(name)?;
        if self.own_hosts.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(Refused::new("own_name", "this is our own name; it would loop"));
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

const SCHEME: Refused = Refused::new("scheme", "only https URLs may be dialled");
