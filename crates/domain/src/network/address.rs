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

/// Addresses that hand out credentials or secrets to whoever asks from inside, in every form that leads to them.
pub(crate) fn is_metadata(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            METADATA_V6.contains(&v6) || embedded_v4(v6).iter().any(|v4| METADATA_V4.contains(v4))
        }
    }
}

/// The code of a metadata address that lies in public space.
pub(crate) const METADATA: &str = "metadata";

/// Azure's platform address: inside every one of its machines, although the space around it is public.
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

pub(crate) const METADATA_V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(169, 254, 169, 254), // nearly every cloud
    Ipv4Addr::new(169, 254, 170, 2),   // container credentials
    Ipv4Addr::new(169, 254, 170, 23),  // pod credentials
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle
    AZURE_PLATFORM,
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254), // AWS
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023), // AWS, pod credentials
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254), // Google
];

fn classify_v4(ip: Ipv4Addr) -> Result<(), Forbidden> {
    if ip == AZURE_PLATFORM {
        return Err(Forbidden(METADATA));
    }
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

/// The IPv4 addresses that a translating or tunnelling IPv6 address may lead to. How a local NAT64 prefix splits its
/// bits is its operator's choice (RFC 6052), so every way is read.
fn embedded_v4(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let o = ip.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| o[place]));
    let last = at([12, 13, 14, 15]);
    match ip.segments() {
        // Byte 8 of a local prefix stays clear, so the parts lie around it.
        [0x64, 0xff9b, 1, ..] => vec![at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last],
        [0x64, 0xff9b, ..] | [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![last],
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![last],
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        // Teredo writes its client's address inverted.
        [0x2001, 0, ..] => vec![Ipv4Addr::from(!u32::from(last))],
        _ => Vec::new(),
    }
}

/// Every way to write an IPv4 address as another address.
#[cfg(test)]
pub(crate) fn spellings(v4: Ipv4Addr) -> Vec<IpAddr> {
    let [a, b, c, d] = v4.octets();
    let (hi, lo) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    [
        format!("{v4}"),
        format!("::ffff:{v4}"),
        format!("::ffff:0:{v4}"),
        format!("64:ff9b::{v4}"),
        format!("64:ff9b:1::{v4}"),
        format!("64:ff9b:1:{hi:x}:{c:x}:{:x}::", u16::from(d) << 8),
        format!("64:ff9b:1:{a:x}:{b:x}:{lo:x}::"),
        format!("64:ff9b:1:2:{a:x}:{:x}:{:x}:0", u16::from_be_bytes([b, c]), u16::from(d) << 8),
        format!("2002:{hi:x}:{lo:x}::1"),
        format!("2001:0:102:304::{:x}:{:x}", !hi, !lo),
        format!("2606:4700::5efe:{v4}"),
        format!("2606:4700::200:5efe:{v4}"),
    ]
    .map(|text| text.parse().unwrap())
    .into()
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
        for ip in METADATA_V4.into_iter().flat_map(spellings) {
            assert!(is_metadata(ip), "{ip}");
        }
        for ip in spellings(Ipv4Addr::new(8, 8, 8, 8)) {
            assert!(!is_metadata(ip), "{ip}");
        }
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
