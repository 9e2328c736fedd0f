//! Members on the command line.

use std::str::FromStr;

use gorums_runtime::{Manager, ManagerBuilder, NodeId};

/// A member's id and address, such as `1=127.0.0.1:4001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The member's id, from 1 on.
    pub id: u32,
    /// The address that the member listens on: `host:port`.
    pub address: String,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=');
        let peer = parts.and_then(|(id, address)| {
            let id = id.parse().ok().filter(|id| *id > 0)?;
            let address = Some(address).filter(|address| !address.is_empty())?;
            Some(Self {
                id,
                address: address.to_owned(),
            })
        });
        peer.ok_or_else(|| {
            "give an id from 1 on and an address, such as 1=127.0.0.1:4001".to_owned()
        })
    }
}

/// The peers as an argument of the command line: `1=127.0.0.1:4001,2=127.0.0.1:4002`.
pub fn argument(peers: &[Peer]) -> String {
    let peers = peers.iter();
    let peers: Vec<String> = peers
        .map(|peer| format!("{}={}", peer.id, peer.address))
        .collect();
    peers.join(",")
}

/// Sets up a manager of the peers.
pub fn manager(peers: &[Peer]) -> ManagerBuilder {
    peers.iter().fold(Manager::builder(), |manager, peer| {
        manager.node(NodeId::new(peer.id), &*peer.address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_an_argument_that_is_read_back() {
        let peers = ["1=a:1", "2=[::1]:4000"].map(|text| text.parse().expect("a peer"));
        let written = argument(&peers);
        assert_eq!(written, "1=a:1,2=[::1]:4000");
    }

    #[test]
    fn a_peer_is_an_id_and_an_address() {
        let peer = "7=[::1]:4000".parse();
        let address = "[::1]:4000".to_owned();
        assert_eq!(peer, Ok(Peer { id: 7, address }));
        for text in ["", "7", "7=", "=a:1", "0=a:1", "-1=a:1", "x=a:1"] {
            assert!(text.parse::<Peer>().is_err(), "{text:?}");
        }
    }
}
