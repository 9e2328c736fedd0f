//! Quorum calls, replicas and tonic's clients fit together in each variant.

/// Tests of the variant in a module of this crate.
macro_rules! variant {
    ($variant:ident) => {
        mod $variant {
            use std::sync::Mutex;

            use buf_pipelines::$variant::register::v1::register_service_gorums::{
                RegisterServiceConfiguration, RegisterServiceNode, RegisterServiceQuorumSpec,
                RegisterServiceReplica, RegisterServiceReplicaServer,
            };
            use buf_pipelines::$variant::register::v1::{
                ReadRequest, ReadResponse, WatchRequest, WatchResponse, WriteRequest, WriteResponse,
            };
            use buf_pipelines::$variant::types::v1::Version;
            use gorums_runtime::tonic::Status;
            use gorums_runtime::{Context, Manager, Replies, ReplySink, Server, Transport};

            /// The value that was written last.
            #[derive(Default)]
            struct Replica(Mutex<ReadResponse>);

            impl RegisterServiceReplica for Replica {
                async fn read(&self, _: &Context, _: ReadRequest) -> Result<ReadResponse, Status> {
                    Ok(self.0.lock().expect("no panic").clone())
                }

                async fn write(
                    &self,
                    _: &Context,
                    WriteRequest { value, version }: WriteRequest,
                ) -> Result<WriteResponse, Status> {
                    *self.0.lock().expect("no panic") = ReadResponse { value, version };
                    Ok(WriteResponse {})
                }

                async fn watch(
                    &self,
                    _: &Context,
                    _: WatchRequest,
                    replies: ReplySink<WatchResponse>,
                ) -> Result<(), Status> {
                    let value = self.0.lock().expect("no panic").value.clone();
                    let _ = replies.send(WatchResponse { value }).await;
                    Ok(())
                }
            }

            /// All three replicas.
            struct All;

            impl RegisterServiceQuorumSpec for All {
                fn read_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
                    (replies.len() == 3).then(|| replies.take_latest())?
                }

                fn write_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
                    (replies.len() == 3).then(|| replies.take_latest())?
                }
            }

            #[tokio::test]
            async fn what_is_written_is_read_and_watched() {
                let mut servers = Vec::new();
                for _ in 0..3 {
                    let server = Server::new(RegisterServiceReplicaServer::new(Replica::default()));
                    servers.push(server.bind("127.0.0.1:0").await.expect("a port").start());
                }
                for transport in [Transport::NodeStream, Transport::Grpc] {
                    let addresses = servers.iter().map(|server| server.address().to_string());
                    let manager = Manager::builder()
                        .addresses(addresses)
                        .transport(transport)
                        .connect()
                        .await
                        .expect("three replicas");
                    let configuration = manager.configuration();
                    let register =
                        RegisterServiceConfiguration::new(configuration.clone()).with_spec(All);
                    let version = Some(Version { number: 1 });
                    let value = format!("{transport:?}");
                    let write = WriteRequest {
                        value: value.clone(),
                        version,
                    };
                    register.write(write).await.expect("all replicas answer");
                    let read = register
                        .read(ReadRequest {})
                        .await
                        .expect("all replicas answer");
                    assert_eq!(
                        (read.value.as_str(), &read.version),
                        (value.as_str(), &version)
                    );

                    let node = configuration.nodes().next().expect("a node").clone();
                    let mut client = RegisterServiceNode::new(node).client();
                    let watched = client.watch(WatchRequest {}).await.expect("a stream");
                    let first = watched.into_inner().message().await.expect("a stream");
                    assert_eq!(first, Some(WatchResponse { value }));
                }
            }
        }
    };
}

variant!(all_in_one);
variant!(messages_by_prost);
variant!(beside_tonic);
