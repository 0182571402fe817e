//! What kind of address an IP address is, after IANA's special-purpose registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A kind of address that is not the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden(&'static str);

impl Forbidden {
    /// The kind's code.
    pub const fn code(self) -> &'static str {
        self.0
    }
}

/// Whether an address is on the public internet, or what it is instead.
///
/// # Errors
/// The kind of address.
pub fn classify(ip: IpAddr) -> Result<(), Forbidden> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// Addresses that hand out credentials to whoever asks from inside.
pub(crate) fn is_metadata(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => v6 == METADATA_V6 || embedded_v4(v6).is_some_and(|v4| METADATA_V4.contains(&v4)),
    }
}

const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

fn classify_v4(ip: Ipv4Addr) -> Result<(), Forbidden> {
    let [a, b, c, _] = ip.octets();
    let kind = match (a, b, c) {
        (0, _, _) => "this_network",
        (10, _, _) | (172, 16..=31, _) | (192, 168, _) => "private",
        (100, 64..=127, _) => "cgnat",
        (127, _, _) => "loopback",
        (169, 254, _) => "link_local",
        (192, 0, 0) => "ietf_protocol",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "documentation",
        (192, 88, 99) => "6to4_relay",
        (198, 18..=19, _) => "benchmarking",
        (224..=239, _, _) => "multicast",
        (240..=255, _, _) => "reserved",
        _ => return Ok(()),
    };
    Err(Forbidden(kind))
}

fn classify_v6(ip: Ipv6Addr) -> Result<(), Forbidden> {
    let s = ip.segments();
    let kind = match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0, 0, 0, 0, 0, 0, _, _] => "ipv4_compatible",
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => "nat64",
        [0x64, 0xff9b, 1, ..] => "nat64_local",
        [0x100, 0, 0, 0, ..] => "discard",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "documentation",
        [0x2001, 0..=0x01ff, ..] => "ietf_protocol",
        [0x2002, ..] => "6to4",
        [0xfc00..=0xfdff, ..] => "unique_local",
        [0xfe80..=0xfebf, ..] => "link_local",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2000..=0x3fff, ..] => return Ok(()),
        _ => "not_global_unicast",
    };
    Err(Forbidden(kind))
}

/// The IPv4 address that a NAT64 or 6to4 address leads to.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |hi: u16, lo: u16| Ipv4Addr::from((u32::from(hi) << 16) | u32::from(lo));
    match ip.segments() {
        [0x64, 0xff9b, .., hi, lo] | [0, 0, 0, 0, 0, 0, hi, lo] => Some(join(hi, lo)),
        [0x2002, hi, lo, ..] => Some(join(hi, lo)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn metadata_hides_in_many_spellings() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "fd00:ec2::254",
        ] {
            assert!(is_metadata(text.parse().unwrap()), "{text}");
        }
        assert!(!is_metadata("8.8.8.8".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_what_it_maps(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            prop_assert_eq!(classify(IpAddr::V4(v4)), classify(IpAddr::V6(v4.to_ipv6_mapped())));
        }

        #[test]
        fn outside_2000_3_nothing_is_public(bits in any::<u128>()) {
            let ip = Ipv6Addr::from(bits);
            if ip.to_ipv4_mapped().is_none() && ip.segments()[0] & 0xe000 != 0x2000 {
                prop_assert!(classify(IpAddr::V6(ip)).is_err());
            }
        }
    }
}
