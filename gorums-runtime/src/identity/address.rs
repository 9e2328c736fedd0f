//! Where a node is.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
#[cfg(unix)]
use std::sync::Arc;

/// The address of a node: what to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// An IP address and a port.
    Socket(SocketAddr),
    /// A name, which may stand for different IP addresses at different times.
    Name {
        /// `host:port`, in lower case.
        name: String,
        port: u16,
    },
    /// The path of a Unix socket.
    #[cfg(unix)]
    Unix(Arc<Path>),
}

/// What the address of a Unix socket begins with.
#[cfg(unix)]
const UNIX: &str = "unix:";

impl Address {
    /// Parses `host:port`, or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// If it is something else, with what is wrong with it.
    pub(crate) fn parse(text: &str) -> io::Result<Self> {
        let wrong = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        #[cfg(unix)]
        if let Some(path) = text.strip_prefix(UNIX) {
            return match path {
                "" => wrong("it has no path"),
                path if path.starts_with("//") => wrong("it has a scheme; write unix:PATH"),
                path => Ok(Self::Unix(Path::new(path).into())),
            };
        }
        if text.contains("://") {
            return wrong("it has a scheme, which addresses do not have here");
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None => return wrong("it has no port"),
        };
        let port = match port.parse() {
            Ok(0) => return wrong("port 0 is not a port to connect to"),
            Ok(port) => port,
            Err(_) => return wrong("its port is not a number from 1 to 65535"),
        };
        if let Ok(socket) = text.parse() {
            return Ok(Self::Socket(socket));
        }
        if host.is_empty() {
            return wrong("it has no host");
        }
        if host.contains(':') && !host.starts_with('[') {
            return wrong("an IPv6 address needs brackets, as in [::1]:80");
        }
        Ok(Self::Name {
            name: text.to_ascii_lowercase(),
            port,
        })
    }

    /// The port. A Unix socket has none.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Socket(socket) => Some(socket.port()),
            Self::Name { port, .. } => Some(*port),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for socket in ["127.0.0.1:80", "[::1]:80"] {
            let parsed = socket.parse().expect("an address");
            let address = Address::parse(socket).expect("an address");
            assert_eq!(address, Address::Socket(parsed));
        }
        for name in [
            "localhost:80",
            "Replica-1.example.com:80",
            "my_host:80",
            "[fe80::1%eth0]:80",
        ] {
            let address = Address::parse(name).expect("an address");
            assert_eq!(address.port(), Some(80));
            let upper = name.to_ascii_uppercase();
            assert_eq!(Address::parse(&upper).expect("an address"), address);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_is_a_path() {
        for path in ["/run/replica.sock", "replica.sock", "./with:colon"] {
            let address = Address::parse(&format!("unix:{path}")).expect("an address");
            assert_eq!(address, Address::Unix(Path::new(path).into()));
            assert_eq!(address.port(), None);
        }
        for (text, why) in [
            ("unix:", "no path"),
            ("unix:///run/replica.sock", "unix:PATH"),
        ] {
            let error = Address::parse(text).expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "no port"),
            ("localhost", "no port"),
            (":80", "no host"),
            ("localhost:", "not a number"),
            ("localhost:http", "not a number"),
            ("localhost:65536", "not a number"),
            ("localhost:0", "port 0"),
            ("[::1]:0", "port 0"),
            ("::1:80", "needs brackets, as in [::1]:80"),
            ("http://localhost:80", "scheme"),
            ("dns:///localhost:80", "scheme"),
        ] {
            let error = Address::parse(text).expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
