//! Where connections begin: each has a place among those of its network, or ends at once.

use super::client::ByFile;
use super::flood::{Counted, OF_NETWORKS};
use super::site::{MESSAGE_BYTES_MAX, Site};
use crate::access::limits::Open;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::{TcpStream, UnixStream};
use rustix::net::{Shutdown, shutdown, sockopt};
use std::any::Any;
use std::net::IpAddr;

/// Whoever has not acknowledged what it was sent for so long, in milliseconds, reads no more, though it may still say that it is there
/// (RFC 9293, section 3.8.6.1). A viewer that is connected has been gone for long by then.
const UNREAD_MS: u32 = 300_000;

/// So much may wait to be read of one connection, in bytes: as much as a message may have. The library reads all that there is before it
/// looks at the first of it.
const UNSEEN_MAX: usize = MESSAGE_BYTES_MAX;

/// What is known of connections before anything is asked over them.
pub struct Door {
    connections: Open,
    answers: Open,
    trusted: Vec<IpAddr>,
}

impl Door {
    /// Of this site.
    pub fn of(site: &Site) -> Self {
        let (connections, trusted) = (site.connections.clone(), site.trusted_proxies.clone());
        Self { connections, answers: Open::new(OF_NETWORKS), trusted }
    }

    /// A connection begins. What is put into `extensions` goes with it.
    pub fn opens(&self, connection: &dyn Any, extensions: &mut Extensions) {
        if connection.is::<UnixStream>() {
            extensions.insert(ByFile);
            return;
        }
        let plain = connection.downcast_ref::<TcpStream>();
        let stream =
            plain.or_else(|| connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0));
        if let Some(stream) = stream {
            self.comes(stream, extensions);
        }
    }

    fn comes(&self, stream: &TcpStream, extensions: &mut Extensions) {
        // If these cannot be set, the system has its own patience and its own measure.
        let _ = sockopt::set_tcp_user_timeout(stream, UNREAD_MS);
        let _ = sockopt::set_socket_recv_buffer_size(stream, UNSEEN_MAX);
        // Without an address it has been reset, and ends by itself.
        let Ok(address) = stream.peer_addr().map(|address| address.ip().to_canonical()) else { return };
        // Who asks for others has the connections of all of them.
        if self.trusted.contains(&address) {
            return;
        }
        match self.connections.one_more(address) {
            Ok(place) => {
                extensions.insert(place);
            }
            Err(_) => {
                // If that fails, it has ended by itself.
                let _ = shutdown(stream, Shutdown::Both);
            }
        }
        if let Some(counted) = Counted::of(stream, address, self.answers.clone()) {
            extensions.insert(counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::limits::{Limits, Place};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    #[actix_web::test]
    async fn a_connection_has_a_place_or_ends_and_a_trusted_proxy_needs_none() {
        let limits = Limits { all: 9, of_one: 1 };
        let mut door = Door { connections: Open::new(limits), answers: Open::new(limits), trusted: vec![] };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let opened = async |door: &Door| {
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, mut extensions) = (listener.accept().await.unwrap().0, Extensions::new());
            door.opens(&server, &mut extensions);
            (client, server, extensions)
        };
        let (_client, server, first) = opened(&door).await;
        assert!(first.contains::<Place>() && first.contains::<Counted>());
        assert_eq!(sockopt::tcp_user_timeout(&server), Ok(UNREAD_MS));
        let (mut client, _server, second) = opened(&door).await;
        assert!(!second.contains::<Place>());
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "it has ended");
        assert_eq!(door.connections.counts(), (1, 1));
        door.trusted = vec!["127.0.0.1".parse().unwrap()];
        let (_client, _server, third) = opened(&door).await;
        assert!(!third.contains::<Place>() && !third.contains::<Counted>());
        assert_eq!(door.connections.counts(), (1, 1));
        drop(first);
        assert_eq!(door.connections.counts(), (0, 1));
    }
}
