//! The fetcher against a server on this machine: what is sent where, what is refused, and when reading stops.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::BoxFuture;
use outbound::{FetchError, FetchRequest, Fetched, Fetcher, Policy, Resolver};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BODY: &str = "vendor_code,company_name\nV1,Example\n";

/// How a path is answered: bytes as they go over the wire, then perhaps more of them, for ever.
#[derive(Clone)]
enum Reply {
    Bytes(Vec<u8>),
    /// The head, and then this part again and again.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

/// A server that says what it is told to, and keeps what it heard.
struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(replies: impl Fn(SocketAddr) -> Vec<(&'static str, Reply)>) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let replies: HashMap<&'static str, Reply> = replies(address).into_iter().collect();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (replies, keep) = (replies.clone(), Arc::clone(&keep));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let mut part = [0; 1024];
                        match stream.read(&mut part).await {
                            // 22 begins a handshake of TLS, which this server does not speak.
                            Ok(n) if n > 0 && part[0] != 22 => request.extend_from_slice(&part[..n]),
                            _ => return,
                        }
                    }
                    let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
                    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                    keep.lock().expect("the lock").push(request);
                    match replies.get(path.as_str()) {
                        Some(Reply::Bytes(bytes)) => _ = stream.write_all(bytes).await,
                        Some(Reply::Endless(head, part, pause)) => {
                            let mut is_open = stream.write_all(head).await.is_ok();
                            while is_open {
                                is_open = stream.write_all(part).await.is_ok();
                                tokio::time::sleep(*pause).await;
                            }
                        }
                        None => _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n").await,
                    }
                });
            }
        });
        Self { address, heard }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("the lock").clone()
    }
}

fn answer(headers: &str, body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    Reply::Bytes([head.as_bytes(), body].concat())
}

fn redirect(status: u16, location: &str) -> Reply {
    let head = format!("HTTP/1.1 {status} Moved\r\nconnection: close\r\ncontent-length: 0\r\nlocation: {location}\r\n\r\n");
    Reply::Bytes(head.into_bytes())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}

/// Names and their addresses, one list per time they are asked for; the last one stays.
struct Names {
    names: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new<const N: usize>(names: [(&'static str, Vec<Vec<IpAddr>>); N]) -> Arc<Self> {
        Arc::new(Self {
            names: names.into(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Names {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let lists = self.names.get(host.as_str());
        let found = lists.and_then(|lists| lists.get(turn.min(lists.len() - 1)).cloned());
        Box::pin(async move { found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    }
}

fn local() -> Fetcher {
    Fetcher::new(Policy::Local).expect("TLS is there")
}

fn request(url: String) -> FetchRequest {
    FetchRequest {
        url,
        headers: vec![("authorization".to_owned(), SecretString::from("Bearer s3cret"))],
        content_types: Vec::new(),
        max_bytes: 100_000,
        timeout: Duration::from_secs(5),
    }
}

fn text(fetched: &Fetched) -> String {
    std::fs::read_to_string(fetched.path()).expect("the file")
}

fn code(result: Result<Fetched, FetchError>) -> &'static str {
    result.expect_err("an error").code()
}

#[tokio::test]
async fn a_file_arrives_with_its_type_plain_or_packed() {
    let server = Server::start(|_| {
        vec![
            ("/plain", answer("content-type: Text/CSV; charset=\"UTF-8\"\r\n", BODY.as_bytes())),
            (
                "/packed",
                answer("content-type: text/csv\r\ncontent-encoding: gzip\r\n", &gzip(BODY.as_bytes())),
            ),
            ("/typeless", answer("", BODY.as_bytes())),
        ]
    })
    .await;
    let csv = |path: &str| FetchRequest {
        content_types: vec!["application/json".to_owned(), "text/csv".to_owned()],
        ..request(server.url("127.0.0.1", path))
    };
    let plain = local().fetch(&csv("/plain")).await.expect("a file");
    assert_eq!(
        (plain.content_type.as_deref(), plain.charset.as_deref()),
        (Some("text/csv"), Some("utf-8"))
    );
    assert_eq!(
        (text(&plain).as_str(), plain.bytes, plain.host.as_str()),
        (BODY, BODY.len() as u64, "127.0.0.1")
    );
    assert_eq!(io::read_to_string(plain.open().expect("the file")).expect("text"), BODY);
    let path = plain.path().to_owned();
    drop(plain);
    assert!(!path.exists());

    let packed = local().fetch(&csv("/packed")).await.expect("a file");
    assert_eq!((text(&packed).as_str(), packed.bytes), (BODY, BODY.len() as u64));
    let error = local().fetch(&csv("/typeless")).await.expect_err("no type");
    assert!(error.to_string().contains("application/json or text/csv"), "{error}");
    assert!(local().fetch(&request(server.url("127.0.0.1", "/typeless"))).await.is_ok());

    let heard = server.heard();
    assert_eq!(heard.len(), 4);
    assert!(heard[0].contains("authorization: bearer s3cret\r\n"), "{}", heard[0]);
    assert!(heard[0].contains("accept: application/json, text/csv\r\n") && heard[0].contains("accept-encoding: gzip\r\n"));
}

#[tokio::test]
async fn the_callers_headers_stay_with_the_origin_they_were_meant_for() {
    let cdn = Server::start(|_| vec![("/file", answer("", BODY.as_bytes()))]).await;
    let there = cdn.address.port();
    let server = Server::start(move |own| {
        let elsewhere = format!("http://cdn.test:{there}/file");
        // Away, and back again: once left, the origin is not trusted with the header any more.
        let back = format!("http://erp.test:{}/file", own.port());
        let away: &'static str = Box::leak(format!("http://127.0.0.1:{}/back", own.port()).into_boxed_str());
        vec![
            ("/near", redirect(302, "/file")),
            ("/away", redirect(307, &elsewhere)),
            ("/away-and-back", redirect(301, away)),
            ("/back", redirect(308, &back)),
            ("/file", answer("", BODY.as_bytes())),
        ]
    })
    .await;
    let names = Names::new([("erp.test", vec![vec![LOOPBACK]]), ("cdn.test", vec![vec![LOOPBACK]])]);
    let fetcher = local().with_resolver(names);
    for path in ["/near", "/away", "/away-and-back"] {
        let fetched = fetcher.fetch(&request(server.url("erp.test", path))).await.expect("a file");
        assert_eq!(text(&fetched), BODY, "{path}");
    }
    let seen = |requests: Vec<String>| -> Vec<(String, bool)> {
        let path = |request: &String| request.split(' ').nth(1).unwrap_or_default().to_owned();
        requests.iter().map(|request| (path(request), request.contains("s3cret"))).collect()
    };
    let expected = [
        ("/near", true),
        ("/file", true),
        ("/away", true),
        ("/away-and-back", true),
        ("/back", false),
        ("/file", false),
    ];
    assert_eq!(seen(server.heard()), expected.map(|(path, has_header)| (path.to_owned(), has_header)));
    assert_eq!(seen(cdn.heard()), [("/file".to_owned(), false)]);
}

#[tokio::test]
async fn a_redirect_is_checked_like_the_first_address() {
    let server = Server::start(|own| {
        let own_address = |path: &str| format!("http://127.0.0.1:{}{path}", own.port());
        vec![
            ("/metadata", redirect(302, "http://169.254.169.254/latest/meta-data/")),
            ("/private", redirect(301, "https://10.0.0.1/")),
            ("/mapped", redirect(302, "http://[::ffff:169.254.169.254]/")),
            ("/inside", redirect(307, "http://inside.test/")),
            ("/file", redirect(302, "file:///etc/passwd")),
            ("/credentials", redirect(302, "https://user:secret@erp.example.in/")),
            (
                "/nowhere",
                Reply::Bytes(b"HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()),
            ),
            ("/loop", redirect(302, &own_address("/loop"))),
            ("/three", redirect(302, "/two")),
            ("/two", redirect(302, "/one")),
            ("/one", redirect(302, "/zero")),
            ("/zero", answer("", BODY.as_bytes())),
        ]
    })
    .await;
    let names = Names::new([("inside.test", vec![vec![IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1))]])]);
    let fetcher = local().with_resolver(names);
    for (path, expected) in [
        ("/metadata", "address_refused"),
        ("/private", "address_refused"),
        ("/mapped", "address_refused"),
        ("/inside", "address_refused"),
        ("/file", "url_scheme"),
        ("/credentials", "url_credentials"),
        ("/nowhere", "redirect_invalid"),
        ("/loop", "too_many_redirects"),
        ("/missing", "status"),
    ] {
        assert_eq!(code(fetcher.fetch(&request(server.url("127.0.0.1", path))).await), expected, "{path}");
    }
    let loops = server.heard().iter().filter(|request| request.starts_with("get /loop ")).count();
    assert_eq!(loops, 4);
    assert!(fetcher.fetch(&request(server.url("127.0.0.1", "/three"))).await.is_ok());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_every_address_of_it_is_checked() {
    let server = Server::start(|_| vec![("/file", answer("", BODY.as_bytes()))]).await;
    let private = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let public = IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4));
    // The second time it is asked for, the name would lead inside.
    let rebinding = Names::new([("erp.test", vec![vec![LOOPBACK], vec![private]])]);
    let fetcher = local().with_resolver(Arc::clone(&rebinding) as Arc<dyn Resolver>);
    assert!(fetcher.fetch(&request(server.url("erp.test", "/file"))).await.is_ok());
    assert_eq!(rebinding.asked.load(Ordering::SeqCst), 1);
    assert_eq!(code(fetcher.fetch(&request(server.url("erp.test", "/file"))).await), "address_refused");
    assert_eq!(server.heard().len(), 1);

    let names = Names::new([
        ("mixed.test", vec![vec![public, private]]),
        ("loopback.test", vec![vec![LOOPBACK]]),
        ("empty.test", vec![vec![]]),
        ("plain.test", vec![vec![public]]),
    ]);
    let fetcher = Fetcher::new(Policy::Public)
        .expect("TLS is there")
        .with_resolver(Arc::clone(&names) as Arc<dyn Resolver>);
    let refused = |host: &str| request(format!("https://{host}/file"));
    let error = fetcher.fetch(&refused("mixed.test")).await.expect_err("one address is inside");
    assert_eq!(error.code(), "address_refused");
    assert!(!error.to_string().contains("10.0.0.1"), "{error}");
    assert_eq!(code(fetcher.fetch(&refused("loopback.test")).await), "address_refused");
    assert_eq!(code(fetcher.fetch(&refused("empty.test")).await), "host_unresolved");
    assert_eq!(code(fetcher.fetch(&refused("unknown.test")).await), "host_unresolved");
    // On this machine only plain HTTP is for.
    let fetcher = local().with_resolver(names);
    assert_eq!(code(fetcher.fetch(&request("http://plain.test/file".to_owned())).await), "url_scheme");
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn reading_stops_at_the_first_byte_too_many() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let packed = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
    let chunk = |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
    let bomb = gzip(&vec![0; 20 << 20]);
    let server = Server::start(|_| {
        vec![
            ("/said", Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n".to_vec())),
            ("/endless", Reply::Endless(chunked.clone(), chunk(&[b'x'; 1000]), Duration::ZERO)),
            ("/bomb", Reply::Endless(packed.clone(), chunk(&bomb), Duration::ZERO)),
            ("/brotli", answer("content-encoding: br\r\n", BODY.as_bytes())),
            ("/twice", answer("content-encoding: gzip, gzip\r\n", &gzip(BODY.as_bytes()))),
            ("/liar", answer("content-encoding: gzip\r\n", BODY.as_bytes())),
            ("/exact", answer("", &[b'x'; 100_000])),
        ]
    })
    .await;
    for (path, expected) in [
        ("/said", "too_large"),
        ("/endless", "too_large"),
        ("/bomb", "too_large"),
        ("/brotli", "content_encoding"),
        ("/twice", "content_encoding"),
        ("/liar", "content_encoding"),
    ] {
        assert_eq!(code(local().fetch(&request(server.url("127.0.0.1", path))).await), expected, "{path}");
    }
    assert_eq!(
        local().fetch(&request(server.url("127.0.0.1", "/exact"))).await.expect("a file").bytes,
        100_000
    );
}

#[tokio::test]
async fn everything_ends_with_the_time() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let server = Server::start(|own| {
        vec![
            ("/silent", Reply::Endless(Vec::new(), Vec::new(), Duration::from_secs(60))),
            // Something comes all the time, and it never ends.
            (
                "/dripping",
                Reply::Endless(head.clone(), b"1\r\nx\r\n".to_vec(), Duration::from_millis(20)),
            ),
            ("/redirected", redirect(302, &format!("http://127.0.0.1:{}/silent", own.port()))),
        ]
    })
    .await;
    for path in ["/silent", "/dripping", "/redirected"] {
        let begin = Instant::now();
        let short = FetchRequest {
            timeout: Duration::from_millis(300),
            ..request(server.url("127.0.0.1", path))
        };
        let error = local().fetch(&short).await.expect_err("no end");
        assert_eq!((error.code(), error.is_retryable()), ("timeout", true), "{path}");
        assert!(begin.elapsed() < Duration::from_secs(3), "{path}");
    }
}

#[tokio::test]
async fn a_lost_or_refused_connection_may_be_tried_again_and_a_refusal_not() {
    let server = Server::start(|_| {
        vec![
            ("/cut", Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec())),
            ("/gone", Reply::Bytes(Vec::new())),
            ("/down", Reply::Bytes(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n".to_vec())),
            ("/no", Reply::Bytes(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n".to_vec())),
            ("/part", Reply::Bytes(b"HTTP/1.1 206 Part\r\ncontent-length: 0\r\n\r\n".to_vec())),
        ]
    })
    .await;
    let unused = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let refused = format!("http://{}/", unused.local_addr().expect("an address"));
    drop(unused);
    // TLS spoken to a server that speaks none.
    let no_tls = server.url("127.0.0.1", "/cut").replace("http://", "https://");
    for (url, expected, is_retryable) in [
        (server.url("127.0.0.1", "/cut"), "interrupted", true),
        (server.url("127.0.0.1", "/gone"), "interrupted", true),
        (server.url("127.0.0.1", "/down"), "status", true),
        (server.url("127.0.0.1", "/no"), "status", false),
        (server.url("127.0.0.1", "/part"), "status", false),
        (refused, "not_connected", true),
        (no_tls, "not_connected", true),
    ] {
        let error = local().fetch(&request(url.clone())).await.expect_err("an error");
        assert_eq!((error.code(), error.is_retryable()), (expected, is_retryable), "{url}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate with its key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let url = format!("https://{}/file", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if acceptor.accept(stream).await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let error = local().fetch(&request(url)).await.expect_err("an untrusted certificate");
    assert_eq!((error.code(), error.is_retryable()), ("certificate", false));
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}
