//! Functions around each call.

use std::time::Duration;

use gorums_runtime::interceptors::{
    AllowedPeers, AnyMessage, CallOutcome, CallWatch, ClientCall, ClientInterceptor, Latencies,
    Logging, Next, ServerCall, ServerInterceptor,
};
use gorums_runtime::server::Router;
use gorums_runtime::tonic::Status;
use gorums_runtime::{CallOptions, Manager, Server};

use crate::user_guide::Outcome;
use crate::user_guide::service::{Replica, cluster, entry, key, majority_of};
use crate::user_guide::storage::Entry;
use crate::user_guide::storage::storage_gorums::StorageReplicaServer;

/// Refuses to store values beyond a length.
struct ShortValues(usize);

impl ServerInterceptor for ShortValues {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        if let Some(entry) = call.request_as::<Entry>()
            && entry.value.len() > self.0
        {
            return Err(Status::invalid_argument("the value is too long"));
        }
        next.run(call).await
    }
}

/// Sends the name of the program with each call, and tells which calls were slow.
struct Named(&'static str);

impl ClientInterceptor for Named {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        let name = self.0.parse().map_err(|_| Status::internal("not ASCII"))?;
        call.metadata_mut().insert("program", name);
        Ok(Some(Box::new(Slow(call.method().full_name()))))
    }
}

struct Slow(&'static str);

impl CallWatch for Slow {
    fn end(&mut self, outcome: CallOutcome, elapsed: Duration) {
        if elapsed > Duration::from_millis(100) {
            eprintln!("{} took {elapsed:?} ({outcome})", self.0);
        }
    }
}

#[tokio::test]
async fn a_call_goes_through_interceptors_at_both_ends() -> Outcome {
    let router = Router::new().add_replica(StorageReplicaServer::new(Replica::default()));
    let latencies = Latencies::default();
    let server = Server::new(router)
        .intercept(Logging)
        .intercept(latencies.clone())
        .intercept(AllowedPeers::members().of("guide.Storage/Hint"))
        .intercept(ShortValues(1024));
    let running = server.bind("127.0.0.1:0").await?.start();

    let address = running.address().to_string();
    let manager = Manager::builder()
        .address(address)
        .intercept(Named("example"))
        .connect()
        .await?;
    let storage = majority_of(&manager.configuration());
    storage.write(entry("short", 1)).await?;
    let long = entry(&"long".repeat(1000), 2);
    storage.write(long).await.expect_err("it is refused");
    assert_eq!(latencies.count("guide.Storage/Write"), 2);
    running.shutdown().await?;
    Ok(())
}

#[tokio::test]
async fn one_configuration_has_interceptors_of_its_own() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let logged = storage.with_options(CallOptions::new().intercept(Logging));
    assert_eq!(logged.read(key()).await?.value, "one");
    Ok(())
}
