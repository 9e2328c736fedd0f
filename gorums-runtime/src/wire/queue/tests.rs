use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::*;

const CAPACITY: Capacity = Capacity {
    messages: 10,
    bytes: 1000,
};

fn push(queue: &Queue, text: &str) {
    let frame = Frame::written(text.len(), |bytes| bytes.extend_from_slice(text.as_bytes()));
    let _ = queue.push(&frame, Owner::Nobody).expect("there is room");
}

/// What is sent when the stream looks for messages for the first time.
async fn sent_at_once(queue: &Queue) -> Option<Bytes> {
    let mut burst = Burst::default();
    poll_fn(
        |cx| match queue.poll_burst(StreamNumber::FIRST, &mut burst, cx) {
            Poll::Ready(bytes) => Poll::Ready(bytes),
            Poll::Pending => Poll::Ready(None),
        },
    )
    .await
}

fn frame(bytes: usize) -> Frame {
    Frame::written(bytes, |frame| frame.resize(bytes, b'x'))
}

#[tokio::test]
async fn who_is_polled_once_and_then_held_stops_nobody() {
    let queue = Queue::new(CAPACITY);
    let _ = queue.push(&frame(900), Owner::Nobody).expect("it is empty");
    let mut held = Box::pin(queue.push_when_room(frame(500), Owner::Nobody));
    assert!((&mut held).now_or_never().is_none());
    assert!(!queue.has_room(1));
    assert_eq!(sent_at_once(&queue).await.map(|sent| sent.len()), Some(900));
    assert!(queue.has_room(500));
    push(&queue, "after it");
    let sent = std::iter::repeat_with(|| sent_at_once(&queue).now_or_never());
    let sent: usize = sent
        .take(2)
        .flatten()
        .flatten()
        .map(|sent| sent.len())
        .sum();
    assert_eq!(sent, 508);
    assert_eq!(held.await, IsFirst(false));
}

#[tokio::test]
async fn who_gives_up_its_place_lets_those_behind_have_room() {
    let queue = Queue::new(CAPACITY);
    let _ = queue.push(&frame(900), Owner::Nobody).expect("it is empty");
    let mut large = Box::pin(queue.push_when_room(frame(500), Owner::Nobody));
    let mut small = Box::pin(queue.push_when_room(frame(50), Owner::Nobody));
    assert!((&mut large).now_or_never().is_none());
    assert!((&mut small).now_or_never().is_none());
    drop(large);
    assert_eq!(small.now_or_never(), Some(IsFirst(false)));
    assert!(queue.has_room(50));
}

#[tokio::test]
async fn what_waited_for_room_is_for_the_next_stream_when_one_breaks() {
    let queue = Queue::new(CAPACITY);
    let _ = queue.push(&frame(900), Owner::Nobody).expect("it is empty");
    let mut waits = Box::pin(queue.push_when_room(frame(500), Owner::Nobody));
    assert!((&mut waits).now_or_never().is_none());
    let (broken, is_first) = queue.fail(&Status::unavailable("broken"));
    assert_eq!((broken, is_first), (StreamNumber::FIRST, IsFirst(true)));
    assert_eq!(queue.stream(), StreamNumber::FIRST.next());
    assert_eq!(waits.now_or_never(), Some(IsFirst(false)));
    assert!(!queue.has_room(501));
}

#[tokio::test]
async fn the_sender_of_a_stream_that_breaks_is_woken_and_ends() {
    let queue = Arc::new(Queue::new(CAPACITY));
    let sender = Arc::clone(&queue);
    let sender = tokio::spawn(async move {
        let mut burst = Burst::default();
        poll_fn(|cx| sender.poll_burst(StreamNumber::FIRST, &mut burst, cx)).await
    });
    // It looks for messages, and waits.
    let opened = async {
        while queue.opened().is_none() {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), opened).await;
    in_time.expect("the sender opens the stream");
    let _ = queue.fail(&Status::unavailable("broken"));
    assert_eq!(sender.await.expect("it ends"), None);
}

#[tokio::test]
async fn a_message_waits_for_others_only_if_those_before_had_others() {
    let queue = Queue::new(CAPACITY);
    push(&queue, "a");
    assert_eq!(sent_at_once(&queue).await.as_deref(), Some(&b"a"[..]));
    push(&queue, "b");
    push(&queue, "c");
    assert_eq!(sent_at_once(&queue).await.as_deref(), Some(&b"bc"[..]));
    assert_eq!(sent_at_once(&queue).await, None);
    push(&queue, "d");
    assert_eq!(sent_at_once(&queue).await, None);
    push(&queue, "e");
    assert_eq!(sent_at_once(&queue).await.as_deref(), Some(&b"de"[..]));
}
