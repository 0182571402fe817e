//! How many connections one address holds. A proxy on this machine stands for all its clients and is not counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The half of an IPv6 address that one customer is given: within it addresses are free to make up.
const IPV6_CUSTOMER: u128 = !(u64::MAX as u128);

/// Who holds how many connections; as large as there are connections.
#[derive(Debug)]
pub(super) struct Addresses {
    held: Mutex<HashMap<IpAddr, usize>>,
    most: usize,
    count_loopback: bool,
}

/// A counted connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Addresses>,
    /// `None`: not counted.
    address: Option<IpAddr>,
}

impl Addresses {
    pub(super) fn new(most: usize, count_loopback: bool) -> Addresses {
        Addresses { held: Mutex::default(), most, count_loopback }
    }

    /// One more connection for this address; `None` when it holds its share.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let address = customer(address);
        if address.is_loopback() && !self.count_loopback {
            return Some(Share { of: Arc::clone(self), address: None });
        }
        let mut held = self.held();
        let count = held.get(&address).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        held.insert(address, count + 1);
        Some(Share { of: Arc::clone(self), address: Some(address) })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut held = self.of.held();
        match held.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&address)),
        }
    }
}

/// The address as far as it tells one customer from another.
fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => Ipv6Addr::from_bits(ip.to_bits() & IPV6_CUSTOMER).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_share_and_gets_it_back() {
        let addresses = Arc::new(Addresses::new(2, false));
        let (first, _second) = (addresses.admit(ip("192.0.2.1")), addresses.admit(ip("192.0.2.1")));
        assert!(addresses.admit(ip("192.0.2.1")).is_none());
        assert!(addresses.admit(ip("::ffff:192.0.2.1")).is_none(), "the same address, written otherwise");
        assert!(addresses.admit(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(addresses.admit(ip("192.0.2.1")).is_some());
        assert_eq!(addresses.held().len(), 1, "who holds nothing takes no room");
    }

    #[test]
    fn addresses_of_one_ipv6_customer_share() {
        let addresses = Arc::new(Addresses::new(1, false));
        let _first = addresses.admit(ip("2001:db8:0:1::1")).unwrap();
        assert!(addresses.admit(ip("2001:db8:0:1:ffff::9")).is_none());
        assert!(addresses.admit(ip("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn this_machine_is_counted_only_when_asked() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let (free, counted) = (Arc::new(Addresses::new(0, false)), Arc::new(Addresses::new(0, true)));
            assert!(free.admit(ip(address)).is_some(), "{address}");
            assert!(counted.admit(ip(address)).is_none(), "{address}");
        }
    }
}
