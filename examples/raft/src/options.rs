//! What is set for all servers alike.

/// Times, in ticks, and limits.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// After this time without a leader, a server campaigns. It waits up to twice as long, at random.
    pub election_ticks: u32,
    /// The leader sends heartbeats this often.
    pub heartbeat_ticks: u32,
    /// Size of the entries of one AppendEntries, beyond which it takes no further entry.
    pub batch_bytes: usize,
    /// Entries in flight to one server, beyond which the leader waits.
    pub window_bytes: usize,
    /// AppendEntries with entries in flight to one server, beyond which the leader waits. Entries that it appends meanwhile
    /// share the next one.
    pub window_requests: usize,
    /// A server makes a snapshot when its log has so many applied entries. It keeps the later half of them, for servers
    /// that lag a little.
    pub compact_after: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            election_ticks: 10,
            heartbeat_ticks: 2,
            batch_bytes: 64 << 10,
            window_bytes: 1 << 20,
            window_requests: 4,
            compact_after: 1000,
        }
    }
}
