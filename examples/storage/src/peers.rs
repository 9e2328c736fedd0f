//! The replicas' views of each other, as a table.

use std::io::{self, Write};
use std::time::SystemTime;

use gorums_runtime::errors::NodeError;
use gorums_runtime::{Configuration, NodeId};

use crate::proto::{Peer, PeersResponse};

/// What one replica answered.
pub(crate) type Answer = (NodeId, Result<PeersResponse, NodeError>);

const HEADER: [&str; 6] = [
    "REPLICA",
    "MEMBER",
    "ADDRESS",
    "STATE",
    "SINCE",
    "LAST FAILURE",
];

/// Writes a row for each peer of each replica.
pub(crate) fn write(
    replicas: &Configuration,
    answers: &[Answer],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut rows = vec![HEADER.map(str::to_owned)];
    for node in replicas.nodes() {
        let answer = answers.iter().find(|(id, _)| *id == node.id());
        let address = node.address();
        let replica = address.as_str();
        let alone =
            |state: &str, why: String| [replica, "-", "-", state, "-", &why].map(str::to_owned);
        match answer {
            Some((_, Ok(PeersResponse { peers }))) if peers.is_empty() => {
                rows.push(alone("no peers", String::new()));
            }
            Some((_, Ok(PeersResponse { peers }))) => {
                rows.extend(peers.iter().map(|peer| row(replica, peer)));
            }
            Some((_, Err(error))) => rows.push(alone("no answer", format!("{:?}", error.code()))),
            None => rows.push(alone("no answer", String::new())),
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADER.len()).filter_map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(replica: &str, peer: &Peer) -> [String; 6] {
    let state = if peer.connected {
        "connected"
    } else {
        "disconnected"
    };
    [
        replica.to_owned(),
        peer.id.to_string(),
        peer.address.clone(),
        state.to_owned(),
        since(peer),
        peer.failure.clone(),
    ]
}

/// How long ago the state began, by this process's clock.
fn since(peer: &Peer) -> String {
    let since = peer
        .since
        .and_then(|since| SystemTime::try_from(since).ok());
    let ago = since.and_then(|since| since.elapsed().ok());
    match ago {
        Some(ago) => format!("{} s", ago.as_secs()),
        None => "0 s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_both_replicas_and_the_state() {
        let peer = Peer {
            id: 2,
            address: "127.0.0.1:4002".to_owned(),
            connected: false,
            since: Some(SystemTime::now().into()),
            failure: "refused".to_owned(),
        };
        let expected = [
            "127.0.0.1:4001",
            "2",
            "127.0.0.1:4002",
            "disconnected",
            "0 s",
            "refused",
        ];
        assert_eq!(row("127.0.0.1:4001", &peer), expected);
    }
}
