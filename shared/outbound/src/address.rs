//! Which addresses belong to the public internet, and what the others are.
//!
//! The tables are IANA's: <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>. Of IPv6 only what IANA has given out as global unicast (`2000::/3`) can
//! be public at all, so a block that is assigned tomorrow is refused today.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address that is not of the public internet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// The caller itself: `127.0.0.0/8`, `::1`.
    Loopback,
    /// "This network", which the system takes for the caller: `0.0.0.0/8`, `::`.
    Unspecified,
    /// A private network: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`.
    Private,
    /// A private network of IPv6: `fc00::/7`; AWS keeps instance metadata there too.
    UniqueLocal,
    /// One link only: `169.254.0.0/16` with the metadata services of every cloud, `fe80::/10`.
    LinkLocal,
    /// Between a provider and its customers: `100.64.0.0/10`.
    CarrierGradeNat,
    /// Many receivers: `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// For examples in documents: `192.0.2.0/24`, `2001:db8::/32` and others.
    Documentation,
    /// For measuring devices: `198.18.0.0/15`, `2001:2::/48`.
    Benchmarking,
    /// An IPv4 address in IPv6 clothes, whatever it is: mapped, translated (NAT64) or tunnelled (6to4, Teredo).
    Embedded,
    /// For protocols, or for nothing yet: `192.0.0.0/24`, `240.0.0.0/4`, all of IPv6 outside `2000::/3`, and others.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Unspecified => "an unspecified address",
            Self::Private | Self::UniqueLocal => "an address of a private network",
            Self::LinkLocal => "a link-local address",
            Self::CarrierGradeNat => "an address of a carrier's own network",
            Self::Multicast => "a multicast address",
            Self::Documentation => "an address for documentation",
            Self::Benchmarking => "an address for benchmarks",
            Self::Embedded => "an IPv4 address embedded in IPv6",
            Self::Reserved => "a reserved address",
        })
    }
}

/// What is wrong with an address; nothing, if it is of the public internet.
pub fn not_public(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<AddressClass> {
    use AddressClass as Class;
    Some(match address.octets() {
        [0, ..] => Class::Unspecified,
        [127, ..] => Class::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [100, 64..=127, ..] => Class::CarrierGradeNat,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        [198, 18..=19, ..] => Class::Benchmarking,
        // Protocol assignments, AS112, AMT relays, the retired 6to4 relays, and AS112 again.
        [192, 0, 0, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 88, 99, _] | [192, 175, 48, _] => Class::Reserved,
        [224..=239, ..] => Class::Multicast,
        [240..=255, ..] => Class::Reserved,
        _ => return None,
    })
}

fn not_public_v6(address: Ipv6Addr) -> Option<AddressClass> {
    use AddressClass as Class;
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        // IPv4-compatible, IPv4-mapped, IPv4-translated; NAT64 of RFC 6052 and of RFC 8215; 6to4; Teredo.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..]
        | [0x2002, ..]
        | [0x2001, 0, ..] => Class::Embedded,
        [0xfc00..=0xfdff, ..] => Class::UniqueLocal,
        // With the site-local addresses that RFC 3879 took back.
        [0xfe80..=0xfeff, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Class::Documentation,
        [0x2001, 2, 0, ..] => Class::Benchmarking,
        // Protocol assignments (2001::/23) and AS112.
        [0x2001, 0..=0x01ff, ..] | [0x2620, 0x4f, 0x8000, ..] => Class::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        _ => Class::Reserved,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<AddressClass>) {
        assert_eq!(not_public(address.parse().expect("an address")), expected, "{address}");
    }

    #[test]
    fn every_block_has_its_class_to_its_first_and_last_address() {
        use AddressClass::*;
        for (first, last, class) in [
            ("0.0.0.0", "0.255.255.255", Unspecified),
            ("10.0.0.0", "10.255.255.255", Private),
            ("100.64.0.0", "100.127.255.255", CarrierGradeNat),
            ("127.0.0.0", "127.255.255.255", Loopback),
            ("169.254.0.0", "169.254.255.255", LinkLocal),
            ("169.254.169.254", "169.254.170.2", LinkLocal),
            ("172.16.0.0", "172.31.255.255", Private),
            ("192.0.0.0", "192.0.0.255", Reserved),
            ("192.0.2.0", "192.0.2.255", Documentation),
            ("192.31.196.0", "192.31.196.255", Reserved),
            ("192.52.193.0", "192.52.193.255", Reserved),
            ("192.88.99.0", "192.88.99.255", Reserved),
            ("192.168.0.0", "192.168.255.255", Private),
            ("192.175.48.0", "192.175.48.255", Reserved),
            ("198.18.0.0", "198.19.255.255", Benchmarking),
            ("198.51.100.0", "198.51.100.255", Documentation),
            ("203.0.113.0", "203.0.113.255", Documentation),
            ("224.0.0.0", "239.255.255.255", Multicast),
            ("240.0.0.0", "255.255.255.255", Reserved),
            ("::", "::", Unspecified),
            ("::1", "::1", Loopback),
            ("::127.0.0.1", "::8.8.8.8", Embedded),
            ("::ffff:0.0.0.0", "::ffff:255.255.255.255", Embedded),
            ("::ffff:127.0.0.1", "::ffff:169.254.169.254", Embedded),
            ("::ffff:0:0:0", "::ffff:0:255.255.255.255", Embedded),
            ("64:ff9b::", "64:ff9b::255.255.255.255", Embedded),
            ("64:ff9b::a9fe:a9fe", "64:ff9b:1::10.0.0.1", Embedded),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Embedded),
            ("100::", "100::ffff:ffff:ffff:ffff", Reserved),
            ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", Embedded),
            ("2001:1::", "2001:1::3", Reserved),
            ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", Benchmarking),
            ("2001:10::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
            ("2001:1ff::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Documentation),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Embedded),
            ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", Reserved),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Documentation),
            ("4000::", "5f00::1", Reserved),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", UniqueLocal),
            ("fd00:ec2::254", "fd20:ce::254", UniqueLocal),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LinkLocal),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LinkLocal),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Multicast),
        ] {
            check(first, Some(class));
            check(last, Some(class));
        }
    }

    #[test]
    fn the_neighbours_of_the_blocks_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2404:6800:4007:809::200e",
            "2606:4700::6810:84e5",
            "3ffe:ffff::",
        ] {
            check(address, None);
        }
    }

    proptest! {
        /// The standard library knows fewer blocks than we do, and none we do not.
        #[test]
        fn what_the_standard_library_calls_private_is_never_public(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let known = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
                || address.is_broadcast() || address.is_documentation() || address.is_unspecified();
            prop_assert!(!known || not_public(address.into()).is_some(), "{address}");
        }

        /// An IPv4 address cannot be smuggled in as an IPv6 one.
        #[test]
        fn a_mapped_address_is_never_public(bits: u32) {
            let mapped = Ipv4Addr::from(bits).to_ipv6_mapped();
            prop_assert_eq!(not_public(mapped.into()), Some(AddressClass::Embedded));
        }

        #[test]
        fn nothing_outside_global_unicast_is_public(bits: u128) {
            let address = Ipv6Addr::from(bits);
            if not_public(address.into()).is_none() {
                prop_assert_eq!(address.segments()[0] >> 13, 1);
            }
        }
    }
}
