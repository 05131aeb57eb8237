//! From a name to addresses, by us: what was checked is what is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Finds the addresses of a name. What it finds is checked whoever finds it.
pub trait Resolver: Send + Sync {
    /// Every address of a name.
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            // The system's call blocks, so it gets a thread of its own; a caller that gives up does not wait for it.
            let found = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs().map(Vec::from_iter));
            let found = found.await.map_err(io::Error::other)??;
            Ok(found.into_iter().map(|address| address.ip()).collect())
        })
    }
}

/// Answers for one name, with addresses that passed, and for no other: a client that has this cannot be led anywhere else, however
/// soon the name changes its mind.
#[derive(Debug, Clone)]
pub(crate) struct Pinned {
    pub(crate) host: String,
    pub(crate) addresses: Arc<[SocketAddr]>,
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let pinned = self.clone();
        Box::pin(async move {
            if !name.as_str().eq_ignore_ascii_case(&pinned.host) {
                return Err("this name was not checked".into());
            }
            let addresses: Addrs = Box::new(Vec::from(&*pinned.addresses).into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pinned_client_knows_one_name_only() {
        let address: SocketAddr = "198.41.0.4:0".parse().unwrap();
        let pinned = Pinned {
            host: "erp.example".to_owned(),
            addresses: [address].into(),
        };
        let found = |name: &str| pinned.resolve(name.parse().unwrap());
        assert_eq!(found("ERP.example").await.ok().map(Vec::from_iter), Some(vec![address]));
        assert!(found("metadata.internal").await.is_err());
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        let found = SystemResolver.resolve("localhost".to_owned()).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
