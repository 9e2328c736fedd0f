//! A service gets its first method with a quorum function: the code of its callers stays as it is.

use gorums_runtime::testing::replicas;
use gorums_runtime::{Context, NodeId};
use tests::generated::{counter, counter_with_quorums};
use tonic::Status;

/// Code that calls the service of a package.
macro_rules! caller {
    ($name:ident, $service:ident) => {
        mod $name {
            use gorums_runtime::calls::Aggregation;
            use gorums_runtime::errors::{NodeError, QuorumCallError};
            use gorums_runtime::testing;
            use gorums_runtime::{CallOptions, Membership, NodeId, Replies};
            use tests::generated::$service::Amount;
            use tests::generated::$service::counter_gorums::{CounterCalls, CounterConfiguration};

            pub(crate) struct Caller {
                counter: CounterConfiguration,
            }

            impl Caller {
                pub(crate) fn new(members: impl Into<Membership>) -> Self {
                    let counter = CounterConfiguration::new(members);
                    let counter = counter.with_options(CallOptions::new().cancel_rest());
                    Self { counter }
                }

                pub(crate) async fn add(&self, amount: i64) -> Result<i64, QuorumCallError> {
                    let added = self.counter.add(Amount { amount }).all().await?;
                    Ok(added.messages().map(|total| total.amount).sum())
                }

                pub(crate) async fn get(&self, node: NodeId) -> Result<i64, NodeError> {
                    let total = self.counter.node(node)?.get(Amount::default()).await?;
                    Ok(total.amount)
                }
            }

            /// The code of a caller that is tested with a mock.
            pub(crate) async fn total(counter: &impl CounterCalls) -> i64 {
                let amount = Amount { amount: 7 };
                let totals = counter.add(amount, Aggregation::Majority).await;
                let totals = totals.expect("a majority");
                totals.messages().map(|total| total.amount).sum()
            }

            pub(crate) struct Mock;

            impl CounterCalls for Mock {
                async fn add(
                    &self,
                    amount: Amount,
                    _: Aggregation,
                ) -> Result<Replies<Amount>, QuorumCallError> {
                    Ok(testing::replies([amount]))
                }
            }
        }
    };
}

caller!(before, counter);
caller!(after, counter_with_quorums);

/// A replica that answers with the amount of the request, plus 1.
struct Replica;

/// The handlers of the service in a module, with those that it has besides.
macro_rules! replica {
    ($service:ident $(, $more:ident)?) => {
        impl $service::counter_gorums::CounterReplica for Replica {
            async fn get(
                &self,
                _: &Context,
                request: $service::Amount,
            ) -> Result<$service::Amount, Status> {
                let amount = request.amount + 1;
                Ok($service::Amount { amount })
            }

            async fn add(
                &self,
                ctx: &Context,
                request: $service::Amount,
            ) -> Result<$service::Amount, Status> {
                self.get(ctx, request).await
            }

            async fn announce(&self, _: &Context, _: $service::Amount) {}

            $(async fn $more(
                &self,
                ctx: &Context,
                request: $service::Amount,
            ) -> Result<$service::Amount, Status> {
                self.get(ctx, request).await
            })?
        }
    };
}

replica!(counter);
replica!(counter_with_quorums, agree);

#[tokio::test]
async fn the_first_quorum_function_changes_no_mock() {
    assert_eq!(before::total(&before::Mock).await, 7);
    assert_eq!(after::total(&after::Mock).await, 7);
}

#[tokio::test(start_paused = true)]
async fn the_first_quorum_function_changes_no_caller() {
    use counter::counter_gorums::CounterReplicaServer as Before;
    use counter_with_quorums::counter_gorums::CounterReplicaServer as After;

    let node = NodeId::new(2);
    let old = replicas(3, |_| Before::new(Replica)).await;
    let old = old.expect("three replicas");
    let caller = before::Caller::new(old.configuration());
    assert_eq!(caller.add(4).await.expect("all"), 15);
    assert_eq!(caller.get(node).await.expect("a reply"), 1);

    let new = replicas(3, |_| After::new(Replica)).await;
    let new = new.expect("three replicas");
    let caller = after::Caller::new(new.configuration());
    assert_eq!(caller.add(4).await.expect("all"), 15);
    assert_eq!(caller.get(node).await.expect("a reply"), 1);
}
