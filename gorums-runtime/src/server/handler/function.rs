//! The functions of a replica trait, as values.

use super::context::Context;

/// A function of a replica trait that takes the context and one argument: `async fn(&self, ctx, input)`.
///
/// Every such function implements it, so that generated code can refer to it as `T::read`.
pub trait Function<'a, T: 'a, Input>: Copy + Send + Sync + 'static {
    /// The output of its future.
    type Output;
    /// The future that it returns.
    type Future: Future<Output = Self::Output> + Send;

    /// Calls it on `replica`.
    fn call(self, replica: &'a T, context: &'a Context, input: Input) -> Self::Future;
}

impl<'a, T: 'a, Input, F, Fut> Function<'a, T, Input> for F
where
    F: Fn(&'a T, &'a Context, Input) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future + Send,
{
    type Output = Fut::Output;
    type Future = Fut;

    #[inline]
    fn call(self, replica: &'a T, context: &'a Context, input: Input) -> Fut {
        self(replica, context, input)
    }
}

/// Like [`Function`], with a second argument for the replies: `async fn(&self, ctx, input, replies)`.
pub trait StreamingFunction<'a, T: 'a, Input, Sink>: Copy + Send + Sync + 'static {
    /// The output of its future.
    type Output;
    /// The future that it returns.
    type Future: Future<Output = Self::Output> + Send;

    /// Calls it on `replica`.
    fn call(
        self,
        replica: &'a T,
        context: &'a Context,
        input: Input,
        replies: Sink,
    ) -> Self::Future;
}

impl<'a, T: 'a, Input, Sink, F, Fut> StreamingFunction<'a, T, Input, Sink> for F
where
    F: Fn(&'a T, &'a Context, Input, Sink) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future + Send,
{
    type Output = Fut::Output;
    type Future = Fut;

    #[inline]
    fn call(self, replica: &'a T, context: &'a Context, input: Input, replies: Sink) -> Fut {
        self(replica, context, input, replies)
    }
}
