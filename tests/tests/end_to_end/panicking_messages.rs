//! Messages whose own code panics cost their call, and nothing else.

use futures::StreamExt;
use gorums_runtime::codegen::{Caller, Handlers};
use gorums_runtime::codegen::{NodeCaller, Serve};
use gorums_runtime::server::{ReplicaServer, ServiceName};
use gorums_runtime::{
    AggregateCall, Context, Method, MethodDescriptor, NodeCall, ReplySink, Transport, Unicast,
};
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message};
use tests::network::Network;
use tests::on_both;
use tonic::{Code, Status};

/// A message of one text, which panics when it reads the text `decode` or writes the text `encode`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fuse(String);

impl Message for Fuse {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        assert_ne!(self.0, "encode", "as wished");
        self.0.encode_raw(buffer);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.0.merge_field(tag, wire_type, buffer, ctx)?;
        assert_ne!(self.0, "decode", "as wished");
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Answers with the text of the request.
struct Echo;

impl Method for Echo {
    type Request = Fuse;
    type Reply = Fuse;
    const PATH: &str = "/fuse.Fuse/Echo";
}

/// Answers with the text of the request, from a task that outlives the handler.
struct Stream;

impl Method for Stream {
    type Request = Fuse;
    type Reply = Fuse;
    const PATH: &str = "/fuse.Fuse/Stream";
    const DESCRIPTOR: MethodDescriptor = MethodDescriptor::new(Self::PATH).with_reply_stream();
}

/// Answers nothing.
struct Tell;

impl Method for Tell {
    type Request = Fuse;
    type Reply = ();
    const PATH: &str = "/fuse.Fuse/Tell";
}

struct Service;

impl ServiceName for Service {
    const NAME: &'static str = "fuse.Fuse";
}

impl Serve<()> for Service {
    fn add_handlers(handlers: &mut Handlers<()>) {
        handlers
            .unary(Echo, handle_echo)
            .server_streaming(Stream, handle_stream)
            .one_way(Tell, handle_tell);
    }
}

async fn handle_echo(_: &(), _: &Context, request: Fuse) -> Result<Fuse, Status> {
    match request.0.as_str() {
        // The client could not have sent this.
        "answer with encode" => Ok(Fuse("encode".to_string())),
        _ => Ok(request),
    }
}

async fn handle_stream(
    _: &(),
    _: &Context,
    _: Fuse,
    replies: ReplySink<Fuse>,
) -> Result<(), Status> {
    tokio::spawn(async move { replies.send(Fuse("encode".to_string())).await });
    Ok(())
}

async fn handle_tell(_: &(), _: &Context, _: Fuse) {}

async fn caller(transport: Transport) -> (Network, NodeCaller) {
    let network = Network::new(transport);
    network.serve(1, ReplicaServer::<Service>::new(()));
    let manager = network.manager(1).connect_lazy().await;
    let node = manager.expect("a manager").node(Network::id(1));
    (network, NodeCaller::new(node.expect("the node")))
}

async fn echo(caller: &NodeCaller, text: &str) -> Result<String, (Code, String)> {
    let reply = NodeCall::<Echo>::new(caller, Fuse(text.to_string())).await;
    let reply = reply.map(|reply| reply.0);
    reply.map_err(|error| (error.code(), error.status().message().to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_decoding_panics_is_answered_and_others_are_not_concerned() {
    on_both(async |transport| {
        let (network, caller) = caller(transport).await;
        let (code, text) = echo(&caller, "decode").await.expect_err("it panics");
        assert_eq!(code, Code::Internal, "{text}");
        assert!(
            text.contains("fuse.Fuse/Echo") && text.contains("as wished"),
            "{text}"
        );
        let sent = Unicast::start::<Tell>(&caller, Fuse("decode".to_string())).await;
        sent.expect("it is sent");
        assert_eq!(echo(&caller, "fine").await, Ok("fine".to_string()));
        assert_eq!(network.connections(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_encoding_panics_is_an_error_and_other_calls_are_not_concerned() {
    on_both(async |transport| {
        let (network, caller) = caller(transport).await;
        let (code, text) = echo(&caller, "answer with encode")
            .await
            .expect_err("it panics");
        // Over plain gRPC it is tonic that encodes the reply, and the call's stream that breaks.
        if transport == Transport::NodeStream {
            assert_eq!(code, Code::Internal, "{text}");
            assert!(
                text.contains("fuse.Fuse/Echo") && text.contains("as wished"),
                "{text}"
            );
        }
        assert_eq!(echo(&caller, "fine").await, Ok("fine".to_string()));
        assert_eq!(network.connections(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_streamed_reply_whose_encoding_panics_fails_its_call_whoever_sends_it() {
    let network = Network::new(Transport::NodeStream);
    network.serve(1, ReplicaServer::<Service>::new(()));
    let manager = network.manager(1).connect_lazy().await;
    let caller = Caller::new(manager.expect("a manager").configuration(), ());
    let call = AggregateCall::<Stream>::new(&caller, Fuse("any".to_string()));
    let outcomes: Vec<_> = call.responses().collect().await;
    let [(_, Err(error))] = &outcomes[..] else {
        panic!("one failure is due: {outcomes:?}");
    };
    assert_eq!(error.code(), Code::Internal);
    let text = error.status().message();
    assert!(
        text.contains("fuse.Fuse/Stream") && text.contains("as wished"),
        "{text}"
    );
}
