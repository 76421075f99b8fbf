//! Which URLs and addresses may be reached: decisions only, nothing is looked up or connected to.
//!
//! Whoever hands in a URL decides where this process connects. By default only addresses of the
//! public internet are reached, in whichever form they are written: the addresses of the special
//! purpose registries (RFC 6890 and its updates) are refused, and IPv6 addresses that lead to an IPv4
//! address are judged by that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Why a URL or an address is not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be read as a URL.
    #[error("this is not a URL")]
    NotAUrl(#[from] url::ParseError),
    /// Neither `http` nor `https`.
    #[error("the scheme '{scheme}' is refused: only http and https are read")]
    Scheme {
        /// As found.
        scheme: String,
    },
    /// A user name or password, which would end up in logs.
    #[error("a URL with a user name or a password is refused")]
    UserInfo,
    /// A port where other protocols live.
    #[error("the port {port} is refused: below 1024 only 80 and 443 are reached")]
    Port {
        /// As found.
        port: u16,
    },
    /// Not an address of the public internet.
    #[error("the address {address} is refused: it is {kind}")]
    Address {
        /// As found.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
    /// A redirect from https to http.
    #[error("a redirect from https to http is refused")]
    Downgrade,
}

/// An allowed network cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither an address nor a network like 10.0.0.0/8")]
pub struct NotANetwork(String);

/// Which addresses may be connected to: those of the public internet, and those of the networks that
/// are allowed besides.
///
/// # Example
/// ```
/// use media_concat::source::AddressPolicy;
///
/// let policy = AddressPolicy::default().allow("10.1.0.0/16")?;
/// assert!(policy.check("93.184.215.14".parse()?).is_ok());
/// assert!(policy.check("10.1.2.3".parse()?).is_ok());
/// assert!(policy.check("10.2.2.3".parse()?).is_err());
/// assert!(policy.check("::ffff:169.254.169.254".parse()?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// Allows an address (`127.0.0.1`) or a network (`10.0.0.0/8`, `fd00::/8`) besides.
    ///
    /// # Errors
    /// If it is neither.
    pub fn allow(mut self, network: &str) -> Result<Self, NotANetwork> {
        let parsed = match network.split_once('/') {
            // A number with a zero before it is octal to some and decimal to others, URLs among the first:
            // only the address's own reader refuses it.
            Some((address, _)) => {
                let is_plain = address.parse::<IpAddr>().is_ok();
                network.parse().ok().filter(|_: &IpNet| is_plain)
            }
            None => network.parse().ok().map(|address: IpAddr| address.into()),
        };
        let parsed = parsed.ok_or_else(|| NotANetwork(network.to_owned()))?;
        self.allowed.push(parsed.trunc());
        Ok(self)
    }

    /// Whether `address` may be connected to.
    ///
    /// # Errors
    /// [`Refusal::Address`] that says what it is.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.allows(address) {
            return Ok(());
        }
        let kind = match address {
            IpAddr::V4(v4) => special_v4(v4),
            IpAddr::V6(v6) => match embedded(v6) {
                Some(v4) if self.allows(v4.into()) => None,
                Some(v4) => special_v4(v4),
                None => special_v6(v6),
            },
        };
        kind.map_or(Ok(()), |kind| Err(Refusal::Address { address, kind }))
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// What a URL may look like, and where it may lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UrlPolicy {
    pub(crate) addresses: AddressPolicy,
    pub(crate) any_port: bool,
    pub(crate) user_info: bool,
}

impl UrlPolicy {
    /// Whether `url` may be asked for, as far as it tells. Clients skip their resolver where a host
    /// is an address, so that one is judged here; names are judged by what they resolve to.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(Refusal::Scheme { scheme });
        }
        let user_info = !url.username().is_empty() || url.password().is_some();
        if user_info && !self.user_info {
            return Err(Refusal::UserInfo);
        }
        if let Some(port) = url.port()
            && !self.any_port
            && port < 1024
            && ![80, 443].contains(&port)
        {
            return Err(Refusal::Port { port });
        }
        match url.host() {
            Some(Host::Ipv4(v4)) => self.addresses.check(v4.into()),
            Some(Host::Ipv6(v6)) => self.addresses.check(v6.into()),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Refusal::NotAUrl(url::ParseError::EmptyHost)),
        }
    }
}

/// Networks of IPv4 that are not the public internet, the narrower ones first.
const SPECIAL_V4: [(Ipv4Net, &str); 18] = [
    (v4([169, 254, 169, 254], 32), METADATA),
    (v4([168, 63, 129, 16], 32), METADATA),
    (v4([100, 100, 100, 200], 32), METADATA),
    (v4([192, 0, 0, 192], 32), METADATA),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([0, 0, 0, 0], 32), "unspecified"),
    (v4([0, 0, 0, 0], 8), "of this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "behind a carrier's translation"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 88, 99, 0], 24), "a 6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// Networks that documents use as examples.
const EXAMPLES_V4: [Ipv4Net; 3] = [
    v4([192, 0, 2, 0], 24),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
];

/// Networks of IPv6 that are not the public internet, the narrower ones first.
const SPECIAL_V6: [(Ipv6Net, &str); 17] = [
    (v6([0; 8], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), METADATA),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), METADATA),
    (v6([0; 8], 96), "an IPv4-compatible address"),
    (
        v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
        "a local translation",
    ),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discarded"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "a Teredo tunnel"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "for benchmarks"),
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        "reserved for protocols",
    ),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        "for documentation",
    ),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "for segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique-local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const METADATA: &str = "a cloud's metadata service";

/// All of IPv6 that has been given out as public addresses.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    if EXAMPLES_V4.iter().any(|network| network.contains(&address)) {
        return Some("for documentation");
    }
    let mut all = SPECIAL_V4.iter();
    all.find(|(network, _)| network.contains(&address))
        .map(|(_, kind)| *kind)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let mut all = SPECIAL_V6.iter();
    let special = all.find(|(network, _)| network.contains(&address));
    special
        .map(|(_, kind)| *kind)
        .or_else(|| (!GLOBAL_V6.contains(&address)).then_some("reserved"))
}

/// The IPv4 address that an IPv6 address leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let joined = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        // Mapped, and its translated form (RFC 2765).
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] => joined(g, h),
        // NAT64's well-known prefix (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0] => joined(g, h),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => joined(high, low),
        // ISATAP (RFC 5214), under a public prefix; elsewhere the prefix is refused anyway.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe] => {
            special_v6(address).is_none().then(|| joined(g, h))?
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
