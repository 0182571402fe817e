//! The operator's exceptions: a comma list of networks and of `host[:port]`.

use ipnet::IpNet;
use std::{net::IpAddr, str::FromStr};
use url::Host;

/// What may be dialled beside the public internet: over http too, on any port, as a literal too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    networks: Vec<IpNet>,
    hosts: Vec<NamedHost>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedHost {
    name: String,
    /// Any port when absent.
    port: Option<u16>,
}

/// An entry that is neither a network nor a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is neither a network (10.0.0.0/8), an address, nor host[:port]")]
pub struct AllowError {
    /// The entry.
    pub entry: String,
}

impl FromStr for Allow {
    type Err = AllowError;
    fn from_str(list: &str) -> Result<Self, AllowError> {
        let mut allow = Allow::default();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Ok(network) = entry.parse::<IpNet>() {
                allow.networks.push(network);
            } else if let Ok(ip) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
                allow.networks.push(IpNet::from(ip));
            } else {
                allow.hosts.push(named_host(entry).ok_or_else(|| AllowError { entry: entry.to_owned() })?);
            }
        }
        Ok(allow)
    }
}

impl Allow {
    /// Whether one of the networks holds this address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
    }

    /// Whether this host is named.
    pub fn names(&self, host: &str, port: u16) -> bool {
        let same =
            |named: &NamedHost| named.name.eq_ignore_ascii_case(host) && named.port.is_none_or(|p| p == port);
        self.hosts.iter().any(same)
    }

    /// Whether a URL's host is opened before any name is resolved: a literal in a network, a name that is named.
    pub(crate) fn names_host(&self, host: &Host<&str>, port: u16) -> bool {
        match host {
            Host::Ipv4(ip) => self.opens((*ip).into(), &ip.to_string(), port),
            Host::Ipv6(ip) => self.opens((*ip).into(), &ip.to_string(), port),
            Host::Domain(name) => self.names(name, port) || self.opens_localhost(name),
        }
    }

    fn opens(&self, ip: IpAddr, text: &str, port: u16) -> bool {
        !super::address::is_metadata(ip) && (self.contains(ip) || self.names(text, port))
    }

    /// Whoever opens loopback means `localhost` too; its answers are judged all the same.
    fn opens_localhost(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case("localhost") && self.contains(IpAddr::from([127, 0, 0, 1]))
    }
}

fn named_host(entry: &str) -> Option<NamedHost> {
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (entry, None),
    };
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (!name.is_empty() && letters).then(|| NamedHost { name: name.to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use crate::network::Guard;

    fn guard(allow: &str) -> Guard {
        Guard { allow: allow.parse().unwrap(), ..Guard::default() }
    }

    #[test]
    fn allow_opens_what_it_names_and_nothing_else() {
        let check = |allow: &str, url: &str, expected: Result<(), &str>| {
            let got = guard(allow).check_url(url).map(|_| ()).map_err(|refused| refused.code());
            assert_eq!(got, expected, "{url} under {allow:?}");
        };
        check("127.0.0.0/8", "http://127.0.0.1:9000/execute", Ok(()));
        check("127.0.0.0/8", "http://localhost:9000/execute", Ok(()));
        check("127.0.0.0/8", "http://10.0.0.1/", Err("ip_literal"));
        check("agent.internal:9000", "http://agent.internal:9000/x", Ok(()));
        check("agent.internal:9000", "http://agent.internal:9001/x", Err("scheme"));
        check("agent.internal", "https://agent.internal:1/x", Ok(()));
        check("", "http://127.0.0.1:9000/", Err("ip_literal"));
        check("0.0.0.0/0", "http://169.254.169.254/latest", Err("ip_literal"));
        check("127.0.0.0/8", "ftp://127.0.0.1/", Err("scheme"));
        check("127.0.0.0/8", "http://a:b@127.0.0.1/", Err("userinfo"));
    }

    #[test]
    fn a_named_host_may_answer_with_any_address_but_metadata() {
        let guard = guard("agent.internal, ::1");
        assert!(guard.check_answers("agent.internal", 80, &["10.0.0.1".parse().unwrap()]).is_ok());
        let metadata = guard.check_answers("agent.internal", 80, &["169.254.169.254".parse().unwrap()]);
        assert_eq!(metadata.unwrap_err().code(), "link_local");
        assert!(guard.check_answers("x.example.com", 443, &["::1".parse().unwrap()]).is_ok());
        assert_eq!(guard.check_answers("x", 1, &[]).unwrap_err().code(), "no_address");
        let many = vec!["8.8.8.8".parse().unwrap(); 17];
        assert_eq!(guard.check_answers("x", 1, &many).unwrap_err().code(), "too_many_answers");
    }

    #[test]
    fn nonsense_in_the_list_is_named() {
        let error = "127.0.0.0/8, what is this".parse::<super::Allow>().unwrap_err();
        assert_eq!(error.entry, "what is this");
        assert!("host:99999".parse::<super::Allow>().is_err());
    }
}
