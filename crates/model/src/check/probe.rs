//! What is done to find out whether an endpoint works.

use crate::{
    Address, BodyText, CaPem, GrpcServiceName, HeaderName, HeaderValue, InvalidValue, ProbePath, error::check_count,
    limits,
};

/// What a check does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Probe {
    /// A request over HTTP/1.1 is answered as is expected.
    Http(Box<HttpProbe>),
    /// A connection can be opened.
    Tcp,
    /// A server of grpc.health.v1 says that it serves.
    Grpc(GrpcProbe),
    /// Nothing: whoever runs the instance tells.
    Reported,
}

/// The parts of an [`HttpProbe`], each valid by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HttpProbeParts {
    /// What is asked for.
    pub path: ProbePath,
    /// How.
    pub method: HttpMethod,
    /// What is said besides.
    pub headers: ProbeHeaders,
    /// Which answers are good.
    pub status: StatusRange,
    /// What the beginning of the body must contain, if anything.
    pub body_contains: Option<BodyText>,
    /// How TLS is spoken; absent where it is not.
    pub tls: Option<Tls>,
}

/// A request over HTTP/1.1, and which answers are good. Redirections are answers and not followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HttpProbe(HttpProbeParts);

/// The method of an HTTP probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// GET.
    #[default]
    Get,
    /// HEAD: the answer has no body.
    Head,
}

/// The headers that an HTTP probe sends, in the order of their names in lower case: at most
/// [`limits::PROBE_HEADERS_MAX`], none twice, and none by which a request is framed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ProbeHeaders(Box<[(HeaderName, HeaderValue)]>);

/// The HTTP statuses from the lowest to the highest, 100–599, that are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusRange {
    min: u16,
    max: u16,
}

/// A question to a server of grpc.health.v1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GrpcProbe {
    /// The service that is asked for; the server as a whole, if absent.
    pub service: Option<GrpcServiceName>,
    /// How TLS is spoken; absent where it is not.
    pub tls: Option<Tls>,
}

/// How TLS is spoken with what is probed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Take any certificate.
    pub skip_verify: bool,
    /// The name that the certificate must have; that of the address, if absent.
    pub server_name: Option<Address>,
    /// The certificates that are trusted; those that the member trusts, if absent.
    pub ca_pem: Option<CaPem>,
}

/// Headers that say where a message ends, or what becomes of its connection: these are the prober's.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

// === impl Probe ===

impl Probe {
    /// How TLS is spoken, if it is.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Http(http) => http.parts().tls.as_ref(),
            Self::Grpc(grpc) => grpc.tls.as_ref(),
            Self::Tcp | Self::Reported => None,
        }
    }

    /// Whether the members do anything.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Http(_) | Self::Tcp | Self::Grpc(_) => true,
            Self::Reported => false,
        }
    }

    /// Bytes of its texts and their lengths.
    pub(super) fn encoded_len(&self) -> usize {
        let own = match self {
            Self::Http(http) => {
                let HttpProbeParts {
                    path,
                    headers,
                    body_contains,
                    ..
                } = http.parts();
                let headers = headers.iter();
                let headers = headers.map(|(name, value)| LENGTH_LEN * 2 + name.as_str().len() + value.as_str().len());
                path.as_str().len() + optional_len(body_contains.as_ref()) + headers.sum::<usize>()
            }
            Self::Grpc(grpc) => optional_len(grpc.service.as_ref()),
            Self::Tcp | Self::Reported => 0,
        };
        own + self.tls().map_or(0, |tls| {
            let name = tls.server_name.as_ref();
            // The longest of an IP address is shorter than this.
            optional_len(tls.ca_pem.as_ref()) + name.map_or(0, |name| name.host().map_or(16, str::len))
        })
    }
}

/// A length before a text.
const LENGTH_LEN: usize = 4;

fn optional_len<T: AsRef<str>>(text: Option<&T>) -> usize {
    text.map_or(0, |text| text.as_ref().len())
}

// === impl HttpProbe ===

impl HttpProbe {
    /// Puts the parts together.
    pub fn new(parts: HttpProbeParts) -> Result<Self, InvalidValue> {
        if !parts.path.as_str().starts_with('/') {
            return Err(InvalidValue::new("path of a probe", "it does not start with a slash"));
        }
        if parts.method == HttpMethod::Head && parts.body_contains.is_some() {
            let problem = "an answer to HEAD has no body that could contain anything; use GET";
            return Err(InvalidValue::new("text of a body", problem));
        }
        Ok(Self(parts))
    }

    /// The parts.
    pub fn parts(&self) -> &HttpProbeParts {
        &self.0
    }
}

// === impl HttpMethod ===

impl HttpMethod {
    /// The word for it, in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

impl std::str::FromStr for HttpMethod {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        [Self::Get, Self::Head]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| InvalidValue::new("method of a probe", format!("{text:?} is not one of GET, HEAD")))
    }
}

// === impl ProbeHeaders ===

impl ProbeHeaders {
    /// Goes through the headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (HeaderName, HeaderValue)> {
        self.0.iter()
    }

    /// The value of the header `name`, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        let found = self.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for &'a ProbeHeaders {
    type Item = &'a (HeaderName, HeaderValue);
    type IntoIter = std::slice::Iter<'a, (HeaderName, HeaderValue)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<(HeaderName, HeaderValue)>> for ProbeHeaders {
    type Error = InvalidValue;

    fn try_from(headers: Vec<(HeaderName, HeaderValue)>) -> Result<Self, InvalidValue> {
        check_count("headers", headers.len(), limits::PROBE_HEADERS_MAX)?;
        let mut parsed = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let lower = name.as_str().to_ascii_lowercase();
            if FRAMING.contains(&lower.as_str()) {
                let problem = format!("{name} is not the probe's to set: it frames the request");
                return Err(InvalidValue::new("headers", problem));
            }
            parsed.push((HeaderName::try_from(lower)?, value));
        }
        parsed.sort_unstable();
        if let Some(twice) = parsed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(InvalidValue::new("headers", format!("{} is given twice", twice[0].0)));
        }
        Ok(Self(parsed.into()))
    }
}

// === impl StatusRange ===

impl StatusRange {
    /// The lowest good status unless told otherwise.
    pub const MIN_DEFAULT: u32 = 200;

    /// The highest good status unless told otherwise.
    pub const MAX_DEFAULT: u32 = 299;

    /// The statuses from `min` to `max`.
    pub fn new(min: u32, max: u32) -> Result<Self, InvalidValue> {
        let status = |number| u16::try_from(number).ok().filter(|status| (100..=599).contains(status));
        let (Some(min), Some(max)) = (status(min), status(max)) else {
            let problem = format!("{min}–{max} is not within 100–599");
            return Err(InvalidValue::new("range of statuses", problem));
        };
        if min > max {
            let problem = format!("the lowest, {min}, is above the highest, {max}");
            return Err(InvalidValue::new("range of statuses", problem));
        }
        Ok(Self { min, max })
    }

    /// The lowest.
    pub fn min(self) -> u16 {
        self.min
    }

    /// The highest.
    pub fn max(self) -> u16 {
        self.max
    }

    /// Whether `status` is one of them.
    pub fn contains(self, status: u16) -> bool {
        (self.min..=self.max).contains(&status)
    }
}

impl Default for StatusRange {
    fn default() -> Self {
        Self::new(Self::MIN_DEFAULT, Self::MAX_DEFAULT).expect("the defaults are within the limits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&str]) -> Result<ProbeHeaders, InvalidValue> {
        let header = |name: &&str| (name.parse().unwrap(), "v".parse().unwrap());
        names.iter().map(header).collect::<Vec<_>>().try_into()
    }

    #[test]
    fn headers_are_kept_in_order_and_in_lower_case() {
        let headers = headers(&["X-B", "accept", "Host"]).unwrap();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["accept", "host", "x-b"]);
        assert!(headers.get("host").is_some() && headers.get("x-c").is_none());
    }

    #[test]
    fn there_are_up_to_16_headers_and_none_twice() {
        let names: Vec<String> = (0..17).map(|number| format!("x-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(headers(&names[..16]).is_ok());
        assert!(headers(&names).is_err());
        assert!(headers(&["x-a", "X-A"]).is_err());
    }

    #[test]
    fn no_header_says_where_the_request_ends() {
        for framing in FRAMING {
            assert!(headers(&[framing]).is_err(), "{framing}");
            assert!(headers(&[&framing.to_ascii_uppercase()]).is_err(), "{framing}");
        }
    }

    #[test]
    fn statuses_are_100_to_599() {
        assert_eq!(StatusRange::new(200, 299), Ok(StatusRange::default()));
        let all = StatusRange::new(100, 599).unwrap();
        assert!(all.contains(100) && all.contains(599));
        let one = StatusRange::new(204, 204).unwrap();
        assert!(one.contains(204) && !one.contains(203) && !one.contains(205));
        for (min, max) in [(99, 200), (200, 600), (300, 299), (0, 0), (70_000, 70_000)] {
            assert!(StatusRange::new(min, max).is_err(), "{min} {max}");
        }
    }

    #[test]
    fn a_path_starts_with_a_slash_and_head_has_no_body() {
        let parts = HttpProbeParts::default();
        assert_eq!(HttpProbe::new(parts.clone()), Ok(HttpProbe::default()));
        let elsewhere = HttpProbeParts {
            path: "http://elsewhere/".parse().unwrap(),
            ..parts.clone()
        };
        assert!(HttpProbe::new(elsewhere).is_err());
        let head = HttpProbeParts {
            method: "HEAD".parse().unwrap(),
            ..parts
        };
        assert!(HttpProbe::new(head.clone()).is_ok());
        let body_contains = Some("ok".parse().unwrap());
        assert!(HttpProbe::new(HttpProbeParts { body_contains, ..head }).is_err());
        assert!("get".parse::<HttpMethod>().is_err());
    }

    #[test]
    fn only_what_is_reported_asks_nothing_of_the_members() {
        for probe in [
            Probe::Http(Box::default()),
            Probe::Tcp,
            Probe::Grpc(GrpcProbe::default()),
        ] {
            assert!(probe.is_active(), "{probe:?}");
        }
        assert!(!Probe::Reported.is_active());
    }
}
