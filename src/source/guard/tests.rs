use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn kind(address: &str) -> Option<&'static str> {
    let address = address.parse().expect("an address");
    match AddressPolicy::default().check(address) {
        Ok(()) => None,
        Err(Refusal::Address { kind, .. }) => Some(kind),
        Err(other) => panic!("{address}: {other}"),
    }
}

fn url(text: &str) -> Result<(), Refusal> {
    UrlPolicy::default().check(&Url::parse(text)?)
}

#[test]
fn public_addresses_pass() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001:800::200e",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
        "2002:0808:0808::1",
    ] {
        assert_eq!(kind(address), None, "{address}");
    }
}

#[test]
fn addresses_that_are_not_public_are_refused_by_name() {
    for (address, expected) in [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "of this network"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "behind a carrier's translation"),
        ("100.127.255.255", "behind a carrier's translation"),
        ("100.100.100.200", METADATA),
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("168.63.129.16", METADATA),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", METADATA),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.8", "reserved for protocols"),
        ("192.0.0.192", METADATA),
        ("192.0.2.1", "for documentation"),
        ("192.88.99.1", "a 6to4 relay"),
        ("192.168.255.1", "private"),
        ("198.18.0.1", "for benchmarks"),
        ("198.19.255.255", "for benchmarks"),
        ("198.51.100.7", "for documentation"),
        ("203.0.113.7", "for documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::127.0.0.1", "an IPv4-compatible address"),
        ("::8.8.8.8", "an IPv4-compatible address"),
        ("64:ff9b:1::a00:1", "a local translation"),
        ("100::1", "discarded"),
        ("2001::1", "a Teredo tunnel"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "a Teredo tunnel"),
        ("2001:2::1", "for benchmarks"),
        ("2001:20::1", "reserved for protocols"),
        ("2001:db8::1", "for documentation"),
        ("3fff::1", "for documentation"),
        ("4000::1", "reserved"),
        ("5f00::1", "for segment routing"),
        ("fc00::1", "unique-local"),
        ("fd12:3456::1", "unique-local"),
        ("fd00:ec2::254", METADATA),
        ("fd20:ce::254", METADATA),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ] {
        assert_eq!(kind(address), Some(expected), "{address}");
    }
}

#[test]
fn every_spelling_of_an_address_in_a_url_is_that_address() {
    for text in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://127.0.1/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        "http://127\u{3002}0\u{3002}0\u{3002}1/",
        "http://1\t27.0.0.1/",
        "http:127.0.0.1/",
        "http:\\\\127.0.0.1/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2a00:1450::5efe:7f00:1]/",
        "http://0/",
        "http://0x/",
        "http://3232235777/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://[fd00:ec2::254]/latest",
    ] {
        assert!(
            matches!(url(text), Err(Refusal::Address { .. })),
            "{text}: {:?}",
            url(text)
        );
    }
}

#[test]
fn schemes_users_and_ports_follow_the_policy() {
    for good in [
        "http://example.com/a",
        "https://example.com/a?b#c",
        "http://example.com:8080/",
        "https://example.com:443/",
        "http://example.com:443/",
        "http://example.com:1024/",
        "http://[2606:4700::1111]:9000/",
    ] {
        assert_eq!(url(good), Ok(()), "{good}");
    }
    for scheme in ["ftp://a/", "file:///etc/passwd", "gopher://a/", "data:,a"] {
        assert!(
            matches!(url(scheme), Err(Refusal::Scheme { .. })),
            "{scheme}"
        );
    }
    for user in [
        "http://a@example.com/",
        "http://:b@example.com/",
        "http://a:b@127.0.0.1/",
    ] {
        assert_eq!(url(user), Err(Refusal::UserInfo), "{user}");
    }
    for (text, port) in [
        ("http://example.com:22/", 22),
        ("https://example.com:25/", 25),
        ("http://example.com:0/", 0),
        ("http://example.com:1023/", 1023),
    ] {
        assert_eq!(url(text), Err(Refusal::Port { port }), "{text}");
    }
    for text in [
        "",
        "a",
        "http://",
        "//a",
        "http://a:99999/",
        "http://[::1/",
        "http://256.1.1.1/",
    ] {
        assert!(matches!(url(text), Err(Refusal::NotAUrl(_))), "{text}");
    }
    let lenient = UrlPolicy {
        any_port: true,
        user_info: true,
        ..UrlPolicy::default()
    };
    let parsed = Url::parse("http://a:b@example.com:81/").expect("a URL");
    assert_eq!(lenient.check(&parsed), Ok(()));
}

/// A URL takes `010.0.0.1` for 8.0.0.1: the network would not be the one that was meant.
#[test]
fn a_network_is_written_as_an_address_is() {
    for wrong in ["010.0.0.0/8", "1.000.0.0/8", "010.0.0.1", "010/8"] {
        assert!(AddressPolicy::default().allow(wrong).is_err(), "{wrong}");
    }
    assert!(AddressPolicy::default().allow("10.0.0.0/8").is_ok());
}

#[test]
fn an_allowed_network_admits_its_addresses_in_every_form_and_no_other() {
    let policy = AddressPolicy::default();
    let policy = policy.allow("127.0.0.1").expect("an address");
    let policy = policy.allow("10.9.8.7/16").expect("a network");
    let policy = policy.allow("fd00:1::/32").expect("a network");
    for (address, allowed) in [
        ("127.0.0.1", true),
        ("127.0.0.2", false),
        ("::ffff:127.0.0.1", true),
        ("64:ff9b::127.0.0.1", true),
        ("10.9.0.1", true),
        ("10.10.0.1", false),
        ("fd00:1::5", true),
        ("fd00:2::5", false),
        ("::1", false),
    ] {
        let parsed = address.parse().expect("an address");
        assert_eq!(policy.check(parsed).is_ok(), allowed, "{address}");
    }
    for wrong in ["", "localhost", "10.0.0.0/33", "10.0.0", "::/129"] {
        assert!(AddressPolicy::default().allow(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    /// What the standard library knows of an address, the policy knows too.
    #[test]
    fn no_address_known_to_be_special_passes(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_unspecified() || v4.is_documentation();
        if special {
            prop_assert!(AddressPolicy::default().check(v4.into()).is_err());
        }
    }

    /// An IPv6 address that leads to an IPv4 address is no way around the judgement of that one.
    #[test]
    fn embedding_never_admits_more(bits: u32, tail: u64) {
        let v4 = Ipv4Addr::from_bits(bits);
        let (high, low) = ((bits >> 16) as u16, bits as u16);
        let direct = AddressPolicy::default().check(v4.into()).is_ok();
        for v6 in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::from_bits((0x2002_u128 << 112) | (u128::from(bits) << 80) | u128::from(tail)),
        ] {
            prop_assert_eq!(AddressPolicy::default().check(v6.into()).is_ok(), direct, "{}", v6);
        }
        prop_assert!(AddressPolicy::default().check(v4.to_ipv6_compatible().into()).is_err());
    }

    /// Outside the public range of IPv6 nothing passes but what leads to a public IPv4 address.
    #[test]
    fn only_the_public_range_of_ipv6_passes(bits: u128) {
        let v6 = Ipv6Addr::from_bits(bits);
        let public = (0x2000..0x4000).contains(&v6.segments()[0]);
        if AddressPolicy::default().check(v6.into()).is_ok() {
            prop_assert!(public || embedded(v6).is_some());
        }
    }

    /// No text makes the policy panic.
    #[test]
    fn any_text_is_judged(text in ".{0,60}") {
        url(&text).ok();
        url(&format!("http://{text}")).ok();
        AddressPolicy::default().allow(&text).ok();
    }
}
