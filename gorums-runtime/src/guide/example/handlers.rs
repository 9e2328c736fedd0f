/// The handlers of `Storage` that an example does not show, by their methods. They need a field `entries`.
#[doc(hidden)]
#[macro_export]
macro_rules! guide_handlers {
    ($($method:ident)*) => { $($crate::guide_handlers! { @$method })* };
    (@hint) => { $crate::guide_handlers! { @one_way hint } };
    (@spread) => { $crate::guide_handlers! { @one_way spread } };
    (@write) => { $crate::guide_handlers! { @writes write } };
    (@write_shards) => { $crate::guide_handlers! { @writes write_shards } };
    (@write_future) => { $crate::guide_handlers! { @writes write_future } };
    (@history) => { $crate::guide_handlers! { @streams history } };
    (@follow) => { $crate::guide_handlers! { @streams follow } };
    (@one_way $method:ident) => {
        async fn $method(&self, _: &Context, entry: Entry) {
            self.entries.put(entry);
        }
    };
    (@writes $method:ident) => {
        async fn $method(&self, _: &Context, entry: Entry) -> Result<Ack, Status> {
            let new = self.entries.put(entry);
            Ok(Ack { new })
        }
    };
    (@streams $method:ident) => {
        async fn $method(
            &self,
            _: &Context,
            key: Key,
            replies: ReplySink<Entry>,
        ) -> Result<(), Status> {
            replies.send(self.entries.get(&key)).await
        }
    };
    (@$method:ident) => {
        async fn $method(&self, _: &Context, key: Key) -> Result<Entry, Status> {
            Ok(self.entries.get(&key))
        }
    };
}
