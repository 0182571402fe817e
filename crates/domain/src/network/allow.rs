//! The operator's exceptions: a comma list of networks and of `host[:port]`.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use url::Host;

/// What may be dialled beside the public internet: over http too, on any port, as a literal too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    networks: Vec<IpNet>,
    hosts: Vec<NamedHost>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedHost {
    host: Host,
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
            match (network(entry), named_host(entry)) {
                (Some(network), _) => allow.networks.push(network),
                (None, Some(host)) => allow.hosts.push(host),
                (None, None) => return Err(AllowError { entry: entry.to_owned() }),
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

    /// Whether this host is named, however it is spelled; an IPv6 address with or without its brackets.
    pub fn names(&self, host: &str, port: u16) -> bool {
        let parsed = match host.parse::<Ipv6Addr>() {
            Ok(ip) => Ok(Host::Ipv6(ip)),
            Err(_) => Host::parse(host),
        };
        parsed.is_ok_and(|host| self.names_parsed(&host, port))
    }

    /// Whether a URL's host is opened before any name is resolved: a literal in a network, a name that is named.
    pub(crate) fn names_host(&self, host: &Host<&str>, port: u16) -> bool {
        let named = self.names_parsed(&host.to_owned(), port);
        match address(host) {
            Some(ip) => !super::address::is_metadata(ip) && (named || self.contains(ip)),
            None => named || (*host == Host::Domain("localhost") && self.opens_loopback()),
        }
    }

    fn names_parsed(&self, host: &Host, port: u16) -> bool {
        let host = canonical(host.clone());
        self.hosts.iter().any(|named| named.host == host && named.port.is_none_or(|p| p == port))
    }

    /// Whoever opens loopback means `localhost` too; its answers are judged all the same.
    fn opens_loopback(&self) -> bool {
        self.contains(Ipv4Addr::LOCALHOST.into()) || self.contains(Ipv6Addr::LOCALHOST.into())
    }
}

fn address<S>(host: &Host<S>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some((*ip).into()),
        Host::Domain(_) => None,
    }
}

/// An IPv4 address in its IPv6 spelling is the IPv4 address.
fn canonical(host: Host) -> Host {
    match address(&host).map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => Host::Ipv4(ip),
        _ => host,
    }
}

/// A network, or an address as the network of only itself. Addresses are judged in their canonical form, so a
/// network of mapped ones is read as the network it maps.
fn network(entry: &str) -> Option<IpNet> {
    let network = match entry.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(unbracketed(entry).parse::<IpAddr>().ok()?),
    };
    match (network.addr().to_canonical(), network.prefix_len()) {
        (IpAddr::V4(v4), length @ 96..) => IpNet::new(v4.into(), length - 96).ok(),
        _ => Some(network),
    }
}

fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

/// A host as URLs spell it, so that the two compare alike; patterns such as `*.corp` would never match and are refused.
fn named_host(entry: &str) -> Option<NamedHost> {
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (entry, None),
    };
    let host = canonical(Host::parse(name).ok()?);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    match &host {
        Host::Domain(name) if !name.bytes().all(plain) => None,
        _ => Some(NamedHost { host, port }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Guard;
    use proptest::prelude::*;

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
        check("127.0.0.0/8", "http://10.0.0.1/", Err("scheme"));
        check("127.0.0.0/8", "https://10.0.0.1/", Err("ip_literal"));
        check("::1", "http://localhost/", Ok(()));
        check("10.0.0.0/8", "https://localhost/", Err("forbidden_name"));
        check("::ffff:10.0.0.0/104", "http://10.9.9.9/", Ok(()));
        check("::ffff:10.0.0.0/104", "http://11.9.9.9/", Err("scheme"));
        check("10.0.0.0/8", "http://[::ffff:10.9.9.9]/", Ok(()));
        check("[::1]:9000", "http://[::1]:9000/", Ok(()));
        check("[::1]:9000", "http://[::1]:9001/", Err("scheme"));
        check("127.0.0.1:9000", "http://2130706433:9000/", Ok(()));
        check("127.0.0.1:9000", "https://127.0.0.1/", Err("ip_literal"));
        check("my_agent:80", "http://my_agent/", Ok(()));
        check("Bücher.internal", "http://xn--bcher-kva.internal/", Ok(()));
        check("agent.internal:9000", "http://agent.internal:9000/x", Ok(()));
        check("agent.internal:9000", "http://agent.internal:9001/x", Err("scheme"));
        check("agent.internal", "https://agent.internal:1/x", Ok(()));
        check("", "http://127.0.0.1:9000/", Err("scheme"));
        check("", "https://127.0.0.1:9000/", Err("ip_literal"));
        check("0.0.0.0/0", "https://169.254.169.254/latest", Err("ip_literal"));
        check("169.254.169.254:80", "http://169.254.169.254/latest", Err("scheme"));
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
        for nonsense in
            ["what is this", "host:99999", "host:", ":80", "*.corp", "10.0.0.0/33", "http://x", "[::1"]
        {
            let error = format!("127.0.0.0/8, {nonsense}").parse::<Allow>().unwrap_err();
            assert_eq!(error.entry, nonsense);
        }
        assert_eq!(" , ,".parse(), Ok(Allow::default()));
    }

    #[test]
    fn a_literal_is_named_with_and_without_brackets() {
        let allow: Allow = "[::1]:9000".parse().unwrap();
        for host in ["::1", "[::1]", "[0:0::1]"] {
            assert!(allow.names(host, 9000) && !allow.names(host, 9001), "{host}");
        }
        assert!(!allow.names("not a host", 9000));
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_refused(list in any::<String>()) {
            let _ = list.parse::<Allow>();
        }

        #[test]
        fn a_network_holds_an_address_in_either_spelling(bits in any::<u32>(), net in any::<u32>(), length in 0_u8..=32) {
            let (ip, net) = (Ipv4Addr::from(bits), Ipv4Addr::from(net));
            let plain: Allow = format!("{net}/{length}").parse().unwrap();
            let mapped: Allow = format!("{}/{}", net.to_ipv6_mapped(), length + 96).parse().unwrap();
            let inside = plain.contains(ip.into());
            prop_assert_eq!(plain.contains(ip.to_ipv6_mapped().into()), inside);
            prop_assert_eq!(mapped.contains(ip.into()), inside);
        }
    }
}
