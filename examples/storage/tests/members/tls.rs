//! Members that prove their ids by certificates.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gorums_runtime::tonic::metadata::MetadataMap;
use gorums_runtime::{Credentials, Manager, NodeId};
use tempfile::TempDir;

use super::{Members, PATIENCE, PROGRAM, UP, eventually, text};

/// Files for what member `id` prints.
pub(super) fn outputs(directory: &TempDir, id: usize) -> (Stdio, Stdio) {
    let file = |name| {
        let path = directory.path().join(format!("{name}-{id}"));
        Stdio::from(File::create(path).expect("a writable directory"))
    };
    (file("out"), file("err"))
}

impl Members {
    /// Members with certificates, that do not run yet.
    fn with_certificates() -> Self {
        let mut members = Self::new();
        members.directory = Some(TempDir::new().expect("a writable directory"));
        let made = text(members.make_certificates().stdout);
        assert_eq!(made.lines().count(), 5, "{made}");
        members
    }

    fn make_certificates(&self) -> Output {
        let made = Command::new(PROGRAM)
            .arg("certificates")
            .arg(self.directory().path())
            .args(["--ids", "1,2,3"])
            .output();
        let made = made.expect("the program runs");
        assert!(made.status.success(), "{made:?}");
        made
    }

    fn directory(&self) -> &TempDir {
        self.directory.as_ref().expect("the members use TLS")
    }

    /// What is in a file of the members' directory.
    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory().path().join(name)).expect("a file")
    }

    /// Starts all members, and waits until they are connected.
    fn start_all(&mut self) {
        for id in [1, 2, 3] {
            self.start(id);
        }
        for id in [1, 2, 3] {
            self.are_seen(id, [UP; 3]);
        }
    }
}

#[test]
fn certificates_are_replaced_while_members_run_without_the_loss_of_a_call() {
    let mut members = Members::with_certificates();
    members.start_all();
    let expected = "k = v (sent by 2 of 3 replicas)\nk = v\n";
    members.make_certificates();
    let is_renewed = |id| {
        let printed = members.file(&format!("out-{id}"));
        printed.contains("new connections use the new")
    };
    let called_until_renewed = || {
        assert!(members.answer("nwrite k v\nnread k\n", expected));
        [1, 2, 3].into_iter().all(is_renewed)
    };
    eventually(called_until_renewed, "new certificates");
    members.kill(3);
    members.start(3);
    members.are_seen(1, [UP; 3]);
    members.are_seen(3, [UP; 3]);
    assert!(members.answer("nwrite k v\nnread k\n", expected));
    for id in [1, 2, 3] {
        assert_eq!(members.file(&format!("err-{id}")), "");
    }
}

#[test]
fn a_member_with_the_certificate_of_another_is_refused_and_logged_with_both_ids() {
    let mut members = Members::with_certificates();
    members.start_all();
    let certificate = members.file("node-3.pem");
    let credentials = Credentials::from_pem(&certificate, &certificate, members.file("ca.pem"));
    let credentials = credentials.expect("valid");
    let mut claim = MetadataMap::new();
    claim.insert("gorums-node-id", 2.into());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(async {
        let manager = Manager::builder()
            .node(NodeId::new(1), &members.addresses[0])
            .metadata(claim)
            .tls(credentials)
            .keep_connected()
            .connect_lazy();
        let manager = manager.await.expect("an address");
        let connectivity = manager.connectivity();
        let failure = async {
            loop {
                match &connectivity.nodes()[..] {
                    [node] if node.last_failure.is_some() => return node.last_failure.clone(),
                    _ => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, failure).await
    });
    let refused = refused.ok().flatten().expect("a refusal");
    let why = "the certificate proves node 3, not node 2";
    assert!(refused.message().contains(why), "{refused}");
    let logged = || members.file("err-1").contains(why);
    eventually(logged, "a line in the log");
    let log = members.file("err-1");
    assert!(
        log.contains("node_id_refused") && log.contains("gorums.peer.id=2"),
        "{log}"
    );

    let files = members.directory().path();
    fs::write(files.join("node-2.pem"), certificate).expect("a writable directory");
    let kept = || members.file("err-2").contains("the old certificates stay");
    eventually(kept, "an error at the member itself");
    members.kill(2);
    members.start(2);
    let refuses_to_start = || {
        members
            .file("err-2")
            .contains("give node 2 a certificate of its own")
    };
    eventually(refuses_to_start, "the end of the process");
}

#[test]
fn a_client_without_certificates_is_told_how_to_make_some() {
    let empty = TempDir::new().expect("a writable directory");
    let output = Command::new(PROGRAM)
        .args(["client", "--addrs", "127.0.0.1:1", "--tls"])
        .arg(empty.path())
        .output();
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let error = text(output.stderr);
    assert!(error.contains("client.pem"), "{error}");
    assert!(error.contains("`storage certificates` makes it"), "{error}");
}
