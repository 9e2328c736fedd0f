//! The replicas as child processes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gorums_runtime::NodeId;

use crate::REPLICAS;
use crate::process::{Order, tell};

/// The role of a child process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// Answers correctly.
    Honest,
    /// Delays each reply by up to this many milliseconds.
    Slow(u64),
    /// Answers with garbage that is derived from this number.
    Garbage(u64),
}

/// The child processes, by index.
#[derive(Debug)]
pub(crate) struct Replicas {
    addresses: Vec<SocketAddr>,
    /// None after it was killed.
    children: Vec<Mutex<Option<Child>>>,
}

/// The id of the node at `index`.
pub(crate) fn id(index: usize) -> NodeId {
    NodeId::new(index as u32 + 1)
}

impl Replicas {
    /// Starts all of them as honest replicas. Their ports are outside the range of outgoing connections, so that they
    /// stay free while no replica listens there.
    pub(crate) fn start() -> io::Result<Self> {
        let mut addresses = Vec::new();
        for index in 0..REPLICAS {
            let host = Ipv4Addr::new(127, 77, 0, index as u8 + 1);
            addresses.push(TcpListener::bind((host, 0))?.local_addr()?);
        }
        let children = addresses.iter().map(|_| Mutex::new(None)).collect();
        let replicas = Self {
            addresses,
            children,
        };
        for index in 0..REPLICAS {
            replicas.serve(index, Role::Honest)?;
        }
        Ok(replicas)
    }

    pub(crate) fn address(&self, index: usize) -> String {
        self.addresses[index].to_string()
    }

    /// Replaces the replica by one in this role.
    pub(crate) fn serve(&self, index: usize, role: Role) -> io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        let address = self.address(index);
        match role {
            Role::Honest => command.args(["replica", &address]),
            Role::Slow(delay) => command.args(["replica", &address, "--delay", &delay.to_string()]),
            Role::Garbage(seed) => command.args(["garbage", &address, &seed.to_string()]),
        };
        command.stdin(Stdio::null());
        let mut child = self.child(index);
        end(&mut child);
        *child = Some(command.spawn()?);
        Ok(())
    }

    pub(crate) fn kill(&self, index: usize) {
        end(&mut self.child(index));
    }

    pub(crate) fn stop(&self, index: usize) -> io::Result<()> {
        self.tell(index, Order::Stop)
    }

    pub(crate) fn go_on(&self, index: usize) -> io::Result<()> {
        self.tell(index, Order::GoOn)
    }

    /// How the replica exited, if it did so by itself.
    pub(crate) fn exited(&self, index: usize) -> Option<String> {
        let mut child = self.child(index);
        let status = child.as_mut()?.try_wait().ok()??;
        *child = None;
        Some(status.to_string())
    }

    /// The ids of the running processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let running = (0..REPLICAS).filter_map(|index| self.child(index).as_ref().map(Child::id));
        running.collect()
    }

    fn tell(&self, index: usize, order: Order) -> io::Result<()> {
        match self.child(index).as_ref() {
            Some(child) => tell(child.id(), order),
            None => Ok(()),
        }
    }

    fn child(&self, index: usize) -> MutexGuard<'_, Option<Child>> {
        self.children[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        // It may have exited already.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for index in 0..self.children.len() {
            self.kill(index);
        }
    }
}
