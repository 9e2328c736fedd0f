/// The quorum functions of `Storage` that an example does not show, by their methods. They need a field
/// `quorums`.
#[doc(hidden)]
#[macro_export]
macro_rules! guide_quorum_functions {
    ($($method:ident)*) => { $($crate::guide_quorum_functions! { @$method })* };
    (@read) => {
        fn read_qf(&self, replies: &mut Replies<Entry>) -> Option<Entry> {
            let is_quorum = replies.form(&self.quorums);
            is_quorum.then(|| replies.take_max_by_key(|entry| entry.version))?
        }
    };
    (@write) => {
        fn write_qf(&self, _: &Entry, replies: &mut Replies<Ack>) -> Option<Ack> {
            replies.form(&self.quorums).then(|| replies.take_latest())?
        }
    };
    (@write_shards) => {
        fn write_shards_qf(&self, replies: &mut Replies<Ack>) -> Option<Ack> {
            replies.form(&self.quorums).then(|| replies.take_latest())?
        }
    };
    (@write_future) => {
        fn write_future_qf(&self, replies: &mut Replies<Ack>) -> Option<Ack> {
            replies.form(&self.quorums).then(|| replies.take_latest())?
        }
    };
    (@read_agreed) => {
        fn read_agreed_qf(&self, replies: &mut Replies<Entry>) -> Option<Agreed> {
            let count = replies.distinct_nodes() as u32;
            let entry = replies.form(&self.quorums).then(|| replies.take_latest())?;
            Some(Agreed { entry, replicas: count })
        }
    };
    (@read_correctable) => {
        fn read_correctable_qf(&self, replies: &mut Replies<Entry>) -> Option<Correction<Entry>> {
            let (level, newest) = (replies.len() as i32, replies.latest()?.1.clone());
            Some(match replies.form(&self.quorums) {
                true => Correction::last(newest, level),
                false => Correction::preliminary(newest, level),
            })
        }
    };
    (@follow) => {
        fn follow_qf(&self, replies: &mut Replies<Entry>) -> Option<Correction<Entry>> {
            let newest = replies.take_latest()?;
            let level = newest.version as i32;
            Some(Correction::preliminary(newest, level))
        }
    };
}
