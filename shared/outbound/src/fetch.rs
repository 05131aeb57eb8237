//! Reading a file from an address that a user typed, without letting the address reach anything but the public internet.
//!
//! What could go wrong (<https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html>), and what
//! stands against it:
//!
//! - *An address inside*: a metadata service, a database, this machine. Names are resolved here, and if only one of a name's addresses
//!   is not public ([`address::not_public`]) the name is refused. Numbers in unusual notations are addresses like others, since the URL
//!   parser is the one the connection is made with.
//! - *A name that changes its mind* between check and use (DNS rebinding): the connection is made to the addresses that were
//!   checked, by a client that can resolve nothing else.
//! - *A redirect inside*: followed by us, three at most, each hop checked like the first. The caller's headers stay with the origin they
//!   were meant for, and are not sent again once it was left.
//! - *A body without end, or a bomb*: counted unpacked while it goes to a file; the whole exchange has one time limit.
//! - *A secret in a log*: no header's value, no query of a URL and no address of a name is in any error or debug form.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;
use url::{Host, Url};

use crate::address::{self, AddressClass};
use crate::https::{self, NotBuilt};
use crate::resolve::{Pinned, Resolver, SystemResolver};
use crate::spool::{Spool, SpoolError};

/// Redirects followed; a file that has moved more often is being hidden.
pub const MAX_REDIRECTS: usize = 3;

/// Ports that may be named beside the default one: other ports of a public host are more often an accident than a web server.
pub const PORTS: [u16; 2] = [443, 8443];

const MAX_URL_BYTES: usize = 2048;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("msme-campaign-central/", env!("CARGO_PKG_VERSION"));

/// Headers that belong to the connection, not to the caller.
const RESERVED_HEADERS: [HeaderName; 9] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::RANGE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Which addresses may be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// HTTPS on the public internet.
    Public,
    /// This machine too, over plain HTTP and on any port: simulators. Every other address is as in [`Policy::Public`].
    Local,
}

/// A setting that names no policy, or one its stage may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Neither `public` nor `local`.
    #[error("the outbound policy must be `public`, or `local` on a developer's machine")]
    Unrecognised,
    /// `local` anywhere else than in the local stack.
    #[error("the outbound policy `local` is only for the stage `local`: set it to `public`")]
    LocalElsewhere,
}

impl Policy {
    /// Reads the setting `OUTBOUND_POLICY` of a stage.
    ///
    /// # Errors
    /// When it names no policy, or asks for [`Policy::Local`] in any stage but `local`.
    pub fn parse(setting: &str, stage: &str) -> Result<Self, PolicyError> {
        match setting.trim() {
            "public" => Ok(Self::Public),
            "local" if stage == "local" => Ok(Self::Local),
            "local" => Err(PolicyError::LocalElsewhere),
            _ => Err(PolicyError::Unrecognised),
        }
    }
}

/// What to read.
#[derive(Clone)]
pub struct FetchRequest {
    /// Where from.
    pub url: String,
    /// Headers of the request, as `authorization`. Their values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Content types that are taken, without parameters and in lower case, as `text/csv`. None means any.
    pub content_types: Vec<String>,
    /// The longest body, in bytes, unpacked.
    pub max_bytes: u64,
    /// For everything: resolving, every redirect, and the last byte.
    pub timeout: Duration,
}

impl fmt::Debug for FetchRequest {
    /// Without the URL's path and query, which often carry a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("FetchRequest")
            .field("host", &host)
            .field("headers", &names)
            .field("max_bytes", &self.max_bytes)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A file that was read. It is deleted when this is dropped.
#[derive(Debug)]
pub struct Fetched {
    /// The content type without parameters, in lower case, as `text/csv`.
    pub content_type: Option<String>,
    /// The `charset` parameter of the content type, in lower case.
    pub charset: Option<String>,
    /// The length, unpacked.
    pub bytes: u64,
    /// The host it came from in the end.
    pub host: String,
    file: NamedTempFile,
}

impl Fetched {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file itself, gone when it is dropped.
    pub fn into_file(self) -> NamedTempFile {
        self.file
    }

    /// The file, open at its beginning.
    ///
    /// # Errors
    /// When the system cannot open it again.
    pub fn open(&self) -> io::Result<std::fs::File> {
        self.file.reopen()
    }
}

/// Why nothing was read. What a person sees says what to do about it, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The text is no URL with a host, or too long.
    #[error("this is no web address: enter it in full, as https://erp.example.in/vendors.csv")]
    InvalidUrl,
    /// Another scheme than `https`.
    #[error("the address begins with {scheme}://, but only https:// is read: use the encrypted address of the same file")]
    Scheme {
        /// The scheme found.
        scheme: String,
    },
    /// A user name or password in the URL.
    #[error("the address contains a user name or a password: remove it, and set an authorization header instead")]
    CredentialsInUrl,
    /// A port that is not allowed.
    #[error("the address names port {port}: serve the file on port 443 or 8443")]
    Port {
        /// The port found.
        port: u16,
    },
    /// A header that cannot be sent, or may not be set.
    #[error("the header {name:?} cannot be sent: check its name, and its value for line breaks")]
    Header {
        /// Its name.
        name: String,
    },
    /// The name has no address.
    #[error("{host} has no address: check the spelling, or try again later")]
    Unresolved {
        /// The name.
        host: String,
    },
    /// The name has an address that may not be read from.
    #[error("{host} leads to {class}, which is never read from: use an address on the public internet")]
    AddressRefused {
        /// The name or address.
        host: String,
        /// What kind of address it has.
        class: AddressClass,
    },
    /// A redirect that says no place to go.
    #[error("{host} answers with a redirect to nowhere: enter the file's final address")]
    RedirectWithoutLocation {
        /// The host that answered.
        host: String,
    },
    /// More redirects than are followed.
    #[error("the file has moved more than {MAX_REDIRECTS} times: enter its final address")]
    TooManyRedirects,
    /// No connection came about.
    #[error("no connection to {host} could be made: check that it can be reached from the internet, or try again later")]
    NotConnected {
        /// The host.
        host: String,
    },
    /// The other side's certificate does not do.
    #[error("{host} has no certificate that can be trusted: renew it, or install the whole chain")]
    Certificate {
        /// The host.
        host: String,
    },
    /// The time was up.
    #[error("the file did not arrive within {seconds} seconds: make it smaller, or its server faster")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// Another status than 200.
    #[error("{host} answered with status {status}: {}", status_fix(*.status))]
    Status {
        /// The host that answered.
        host: String,
        /// The status.
        status: u16,
    },
    /// A content type that was not asked for.
    #[error("the file is {}, but {expected} is needed: correct the address, or the content type its server sends", found.as_deref().unwrap_or("of no content type"))]
    ContentType {
        /// The type found.
        found: Option<String>,
        /// The types that are taken.
        expected: String,
    },
    /// Packed in another way than gzip, or not as it says.
    #[error("the file is packed in a way that cannot be read: let its server send it plain or as gzip")]
    ContentEncoding,
    /// The body is longer than it may be.
    #[error("the file is larger than {max_bytes} bytes: split it, or leave columns out")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The connection was lost.
    #[error("the connection to {host} was lost before the file had arrived: try again later")]
    Interrupted {
        /// The host.
        host: String,
    },
    /// The next page is on another origin.
    #[error("the next page is on {host}, another origin than the first: only pages of one origin are read as one list")]
    OtherOrigin {
        /// The other host.
        host: String,
    },
    /// The file could not be written down, or no client be made: ours to mend.
    #[error("the file could not be stored here: try again later")]
    Internal,
}

fn status_fix(status: u16) -> &'static str {
    match status {
        401 | 403 => "check the authorization header",
        404 | 410 => "correct the address",
        429 => "it wants fewer requests, so read it less often",
        500.. => "its server has a problem, so try again later",
        _ => "correct the address",
    }
}

impl FetchError {
    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl => "url_invalid",
            Self::Scheme { .. } => "url_scheme",
            Self::CredentialsInUrl => "url_credentials",
            Self::Port { .. } => "url_port",
            Self::Header { .. } => "header_invalid",
            Self::Unresolved { .. } => "host_unresolved",
            Self::AddressRefused { .. } => "address_refused",
            Self::RedirectWithoutLocation { .. } => "redirect_invalid",
            Self::TooManyRedirects => "too_many_redirects",
            Self::NotConnected { .. } => "not_connected",
            Self::Certificate { .. } => "certificate",
            Self::TimedOut { .. } => "timeout",
            Self::Status { .. } => "status",
            Self::ContentType { .. } => "content_type",
            Self::ContentEncoding => "content_encoding",
            Self::TooLarge { .. } => "too_large",
            Self::Interrupted { .. } => "interrupted",
            Self::OtherOrigin { .. } => "next_page_elsewhere",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later, with nothing changed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unresolved { .. } | Self::NotConnected { .. } | Self::TimedOut { .. } | Self::Interrupted { .. } | Self::Internal => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }
}

/// Whether an address is one of this host, whatever its port.
pub fn is_host(url: &str, host: &str) -> bool {
    let found = Url::parse(url.trim()).ok();
    found.is_some_and(|url| url.host_str().is_some_and(|found| found.eq_ignore_ascii_case(host.trim())))
}

/// Reads files from addresses that users chose.
#[derive(Clone)]
pub struct Fetcher {
    policy: Policy,
    resolver: Arc<dyn Resolver>,
    tls: rustls::ClientConfig,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher that asks the system for addresses.
    ///
    /// # Errors
    /// When the cryptography library offers no version of TLS.
    pub fn new(policy: Policy) -> Result<Self, NotBuilt> {
        Ok(Self {
            policy,
            resolver: Arc::new(SystemResolver),
            tls: https::tls()?,
        })
    }

    /// The same fetcher, with addresses from elsewhere. They are checked all the same.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self }
    }

    /// Checks what can be told of an address without the network: for a form, before it is saved.
    ///
    /// # Errors
    /// [`FetchError::InvalidUrl`], [`FetchError::Scheme`], [`FetchError::CredentialsInUrl`], [`FetchError::Port`], and
    /// [`FetchError::AddressRefused`] where the host is an address.
    pub fn check_url(&self, url: &str) -> Result<(), FetchError> {
        self.checked_url(url).map(drop)
    }

    /// The address of a next page, as the page at `url` names it. What a server says is trusted no more than a redirect of it, and
    /// less: headers go along, so it must be on the same origin.
    ///
    /// # Errors
    /// As [`Fetcher::check_url`], and [`FetchError::OtherOrigin`].
    pub fn next_page(&self, url: &str, link: &str) -> Result<String, FetchError> {
        let url = self.checked_url(url)?;
        let next = url.join(link.trim()).map_err(|_| FetchError::InvalidUrl)?;
        let next = self.checked_url(next.as_str())?;
        if next.origin() != url.origin() {
            return Err(FetchError::OtherOrigin { host: host_of(&next) });
        }
        Ok(next.into())
    }

    /// Reads a file, once.
    ///
    /// # Errors
    /// [`FetchError`]; the file, as far as it had come, is gone then.
    pub async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let timed_out = FetchError::TimedOut {
            seconds: request.timeout.as_secs(),
        };
        tokio::time::timeout(request.timeout, self.follow(request))
            .await
            .unwrap_or(Err(timed_out))
    }

    async fn follow(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let mut url = self.checked_url(&request.url)?;
        let own_headers = own_headers(&request.headers)?;
        let origin = url.origin();
        let mut has_left = false;
        for _ in 0..=MAX_REDIRECTS {
            let host = host_of(&url);
            let client = self.client(&url, self.addresses(&url).await?)?;
            has_left |= url.origin() != origin;
            let mut headers = if has_left { HeaderMap::new() } else { own_headers.clone() };
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            if let Some(accept) = accept(&request.content_types) {
                headers.entry(header::ACCEPT).or_insert(accept);
            }
            let response = client.get(url.clone()).headers(headers).send().await;
            let response = response.map_err(|error| no_response(&error, &host))?;
            match response.status().as_u16() {
                200 => return read(response, host, request).await,
                301 | 302 | 303 | 307 | 308 => url = self.next_hop(&url, &response)?,
                status => return Err(FetchError::Status { host, status }),
            }
        }
        Err(FetchError::TooManyRedirects)
    }

    fn next_hop(&self, url: &Url, response: &Response) -> Result<Url, FetchError> {
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let next = location.and_then(|location| url.join(location).ok());
        let next = next.ok_or_else(|| FetchError::RedirectWithoutLocation { host: host_of(url) })?;
        self.checked_url(next.as_str())
    }

    fn checked_url(&self, text: &str) -> Result<Url, FetchError> {
        let text = text.trim();
        if text.len() > MAX_URL_BYTES {
            return Err(FetchError::InvalidUrl);
        }
        let mut url = Url::parse(text).map_err(|_| FetchError::InvalidUrl)?;
        match (url.scheme(), self.policy) {
            ("https", _) | ("http", Policy::Local) => {}
            (scheme, _) => {
                let scheme = scheme.chars().take(20).collect();
                return Err(FetchError::Scheme { scheme });
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::CredentialsInUrl);
        }
        let host = url.host().ok_or(FetchError::InvalidUrl)?;
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        match (url.port_or_known_default(), self.policy) {
            (Some(_), Policy::Local) => {}
            (Some(port), Policy::Public) if PORTS.contains(&port) => {}
            (Some(port), Policy::Public) => return Err(FetchError::Port { port }),
            (None, _) => return Err(FetchError::InvalidUrl),
        }
        if let Some(address) = literal {
            self.check_address(&url, address)?;
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// The addresses of a URL's host, every one of them checked.
    async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, FetchError> {
        let unresolved = || FetchError::Unresolved { host: host_of(url) };
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) => self.resolver.resolve(name.to_owned()).await.map_err(|_| unresolved())?,
            None => return Err(FetchError::InvalidUrl),
        };
        if found.is_empty() {
            return Err(unresolved());
        }
        // One address inside is enough: a name that has one of each was made to slip through.
        for address in &found {
            self.check_address(url, *address)?;
        }
        Ok(found)
    }

    fn check_address(&self, url: &Url, address: IpAddr) -> Result<(), FetchError> {
        let class = address::not_public(address);
        match (class, self.policy) {
            (None, Policy::Public) | (Some(AddressClass::Loopback), Policy::Local) => Ok(()),
            // Plain HTTP is for simulators on this machine, not for the internet.
            (None, Policy::Local) if url.scheme() == "https" => Ok(()),
            (None, Policy::Local) => Err(FetchError::Scheme {
                scheme: url.scheme().to_owned(),
            }),
            (Some(class), _) => Err(FetchError::AddressRefused { host: host_of(url), class }),
        }
    }

    /// A client for one host at these addresses. It is made anew for each hop, since what it may connect to is part of it.
    fn client(&self, url: &Url, addresses: Vec<IpAddr>) -> Result<Client, FetchError> {
        // Port 0 stands for the URL's.
        let pinned = Pinned {
            host: host_of(url),
            addresses: addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect(),
        };
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .https_only(self.policy == Policy::Public)
            .dns_resolver(pinned)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|_| FetchError::Internal)
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn own_headers(headers: &[(String, SecretString)]) -> Result<HeaderMap, FetchError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let refused = || FetchError::Header {
            name: name.chars().take(64).collect(),
        };
        let parsed = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| refused())?;
        if RESERVED_HEADERS.contains(&parsed) || parsed.as_str().starts_with("proxy-") {
            return Err(refused());
        }
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| refused())?;
        value.set_sensitive(true);
        map.append(parsed, value);
    }
    Ok(map)
}

fn accept(content_types: &[String]) -> Option<HeaderValue> {
    if content_types.is_empty() {
        return None;
    }
    HeaderValue::from_str(&content_types.join(", ")).ok()
}

async fn read(mut response: Response, host: String, request: &FetchRequest) -> Result<Fetched, FetchError> {
    let (content_type, charset) = content_type(response.headers());
    let is_taken = |found: &str| request.content_types.iter().any(|taken| taken == found);
    if !request.content_types.is_empty() && !content_type.as_deref().is_some_and(is_taken) {
        let expected = request.content_types.join(" or ");
        return Err(FetchError::ContentType {
            found: content_type,
            expected,
        });
    }
    let max_bytes = request.max_bytes;
    let is_gzip = is_gzip(response.headers())?;
    if !is_gzip && response.content_length().is_some_and(|bytes| bytes > max_bytes) {
        return Err(FetchError::TooLarge { max_bytes });
    }
    let spooled = |error: SpoolError| match error {
        SpoolError::TooLarge => FetchError::TooLarge { max_bytes },
        SpoolError::NotGzip => FetchError::ContentEncoding,
        SpoolError::Disk => FetchError::Internal,
    };
    let mut spool = Spool::new(max_bytes, is_gzip).map_err(spooled)?;
    loop {
        match response.chunk().await {
            Ok(Some(part)) => spool.take(&part).map_err(spooled)?,
            Ok(None) => break,
            Err(_) => return Err(FetchError::Interrupted { host }),
        }
    }
    let (file, bytes) = spool.finish().map_err(spooled)?;
    Ok(Fetched {
        content_type,
        charset,
        bytes,
        host,
        file,
    })
}

/// Type and charset, in lower case.
fn content_type(headers: &HeaderMap) -> (Option<String>, Option<String>) {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().filter(|essence| !essence.is_empty());
    let charset = parts.find_map(|parameter| parameter.strip_prefix("charset=").map(|charset| charset.trim_matches('"').to_owned()));
    (essence, charset)
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, FetchError> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let (Some(encoding), None) = (encodings.next(), encodings.next()) else {
        return match headers.contains_key(header::CONTENT_ENCODING) {
            true => Err(FetchError::ContentEncoding),
            false => Ok(false),
        };
    };
    match encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(FetchError::ContentEncoding),
    }
}

/// The error itself is dropped: it quotes the URL.
fn no_response(error: &reqwest::Error, host: &str) -> FetchError {
    let host = host.to_owned();
    if error.is_builder() {
        FetchError::InvalidUrl
    } else if is_certificate(error) {
        FetchError::Certificate { host }
    } else if error.is_connect() {
        FetchError::NotConnected { host }
    } else {
        FetchError::Interrupted { host }
    }
}

fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented);
    }
    // An error of the system hides the one it wraps from `source`.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.is_some_and(|error| is_certificate(error)) || error.source().is_some_and(is_certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public() -> Fetcher {
        Fetcher::new(Policy::Public).unwrap()
    }

    #[track_caller]
    fn check(url: &str, expected: Result<(), &str>) {
        assert_eq!(public().check_url(url).map_err(|error| error.code()), expected, "{url}");
    }

    #[test]
    fn only_https_addresses_on_web_ports_without_credentials_are_taken() {
        check("https://erp.example.in/vendors.csv?key=1#top", Ok(()));
        check(" https://erp.example.in:8443/ ", Ok(()));
        check("https://8.8.8.8/", Ok(()));
        check("https://[2606:4700::6810:84e5]/", Ok(()));
        check("http://erp.example.in/", Err("url_scheme"));
        check("ftp://erp.example.in/", Err("url_scheme"));
        check("file:///etc/passwd", Err("url_scheme"));
        check("gopher://erp.example.in/", Err("url_scheme"));
        check("erp.example.in/vendors.csv", Err("url_invalid"));
        check("https://", Err("url_invalid"));
        check("https://erp.example.in:22/", Err("url_port"));
        check("https://erp.example.in:80/", Err("url_port"));
        check("https://user@erp.example.in/", Err("url_credentials"));
        check("https://user:secret@erp.example.in/", Err("url_credentials"));
        check("https://erp.example.in@169.254.169.254/", Err("url_credentials"));
        check(&format!("https://erp.example.in/{}", "a".repeat(3000)), Err("url_invalid"));
    }

    #[test]
    fn an_address_inside_is_refused_in_every_notation() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "0177.0.0.1",
            "2130706433",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "192.168.1.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
        ] {
            check(&format!("https://{host}/latest/meta-data/"), Err("address_refused"));
        }
    }

    #[test]
    fn the_local_policy_is_for_the_local_stage_and_opens_this_machine_only() {
        assert_eq!(Policy::parse("public", "production"), Ok(Policy::Public));
        assert_eq!(Policy::parse("local", "local"), Ok(Policy::Local));
        assert_eq!(Policy::parse("local", "production"), Err(PolicyError::LocalElsewhere));
        assert_eq!(Policy::parse("local", "staging"), Err(PolicyError::LocalElsewhere));
        assert_eq!(Policy::parse("", "local"), Err(PolicyError::Unrecognised));
        let local = Fetcher::new(Policy::Local).unwrap();
        let code = |url: &str| local.check_url(url).map_err(|error| error.code());
        assert_eq!(code("http://127.0.0.1:4566/vendors.csv"), Ok(()));
        assert_eq!(code("http://169.254.169.254/"), Err("address_refused"));
        assert_eq!(code("http://10.0.0.1/"), Err("address_refused"));
        assert_eq!(code("http://8.8.8.8/"), Err("url_scheme"));
    }

    #[test]
    fn headers_of_the_connection_and_broken_ones_are_refused() {
        let code = |name: &str, value: &str| {
            let headers = [(name.to_owned(), SecretString::from(value))];
            own_headers(&headers).map(drop).map_err(|error| error.code())
        };
        assert_eq!(code("Authorization", "Bearer k"), Ok(()));
        assert_eq!(code("x-api-key", "k"), Ok(()));
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "proxy-authorization",
            "connection",
            "",
            "a b",
        ] {
            assert_eq!(code(name, "x"), Err("header_invalid"), "{name}");
        }
        assert_eq!(code("authorization", "Bearer k\r\nhost: inside"), Err("header_invalid"));
    }

    #[test]
    fn no_secret_is_in_a_debug_form_or_an_error() {
        let request = FetchRequest {
            url: "https://erp.example.in/s3cret-path?key=s3cret".to_owned(),
            headers: vec![("authorization".to_owned(), SecretString::from("Bearer s3cret"))],
            content_types: Vec::new(),
            max_bytes: 1,
            timeout: Duration::from_secs(1),
        };
        let debug = format!("{request:?}");
        assert!(debug.contains("erp.example.in") && debug.contains("authorization"), "{debug}");
        assert!(!debug.contains("s3cret"), "{debug}");
        let header = ("authorization".to_owned(), SecretString::from("s3cret\n"));
        let error = own_headers(&[header]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }

    #[test]
    fn every_error_has_a_code_of_its_own_and_a_sentence_that_ends_in_a_fix() {
        let host = || "erp.example.in".to_owned();
        let errors = [
            FetchError::InvalidUrl,
            FetchError::Scheme { scheme: "http".into() },
            FetchError::CredentialsInUrl,
            FetchError::Port { port: 22 },
            FetchError::Header { name: "host".into() },
            FetchError::Unresolved { host: host() },
            FetchError::AddressRefused {
                host: host(),
                class: AddressClass::LinkLocal,
            },
            FetchError::RedirectWithoutLocation { host: host() },
            FetchError::TooManyRedirects,
            FetchError::NotConnected { host: host() },
            FetchError::Certificate { host: host() },
            FetchError::TimedOut { seconds: 20 },
            FetchError::Status { host: host(), status: 404 },
            FetchError::ContentType {
                found: None,
                expected: "text/csv".into(),
            },
            FetchError::ContentEncoding,
            FetchError::TooLarge { max_bytes: 10 },
            FetchError::Interrupted { host: host() },
            FetchError::Internal,
        ];
        let codes: std::collections::BTreeSet<&str> = errors.iter().map(FetchError::code).collect();
        assert_eq!(codes.len(), errors.len());
        for error in &errors {
            assert!(error.to_string().contains(": "), "{error}");
        }
        assert_eq!(
            errors[6].to_string(),
            "erp.example.in leads to a link-local address, which is never read from: use an address on the public internet"
        );
    }
}
