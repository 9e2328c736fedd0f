//! A queue of byte strings most of which need no memory of their own.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// A first-in first-out queue of byte strings, each with a tag.
///
/// The bytes of the strings of up to `SMALL` bytes lie in one buffer, so that queueing one allocates nothing. A longer
/// string shares the memory that it came in.
///
/// The invariant: `small` is the concatenation of the small strings in the order of `entries`, and `large` holds the
/// others in that order. Each method that changes one of the three changes the others with it.
#[derive(Debug)]
pub(crate) struct PackedQueue<T, const SMALL: usize> {
    entries: VecDeque<Entry<T>>,
    small: BytesMut,
    large: VecDeque<Bytes>,
    bytes: usize,
}

/// A byte string of `len` bytes, which are at the front of `small` or of `large` once it is the first entry.
#[derive(Debug)]
struct Entry<T> {
    len: usize,
    tag: T,
}

impl<T, const SMALL: usize> PackedQueue<T, SMALL> {
    /// An empty queue with room for `capacity` bytes of small strings.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            small: BytesMut::with_capacity(capacity),
            large: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The number of strings.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no string.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The total length of the strings.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves memory for the tags of `strings` more strings.
    pub(crate) fn reserve(&mut self, strings: usize) {
        self.entries.reserve(strings);
    }

    /// The number of strings that there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// The number of bytes of small strings that there is memory for.
    pub(crate) fn small_capacity(&self) -> usize {
        self.small.capacity()
    }

    /// Removes all strings, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.small.clear();
        self.large.clear();
        self.bytes = 0;
    }

    /// Appends a string. `share` gives it as a handle to its memory, which is used if it is not small.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8], tag: T, share: impl FnOnce() -> Bytes) {
        let len = bytes.len();
        match len {
            0 => {}
            len if len <= SMALL => self.small.extend_from_slice(bytes),
            _ => self.large.push_back(share()),
        }
        self.bytes += len;
        self.entries.push_back(Entry { len, tag });
    }

    /// Appends a tag with an empty string.
    pub(crate) fn push_tag(&mut self, tag: T) {
        self.push(&[], tag, Bytes::new);
    }

    /// Removes the first string.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Bytes, T)> {
        let Entry { len, tag } = self.entries.pop_front()?;
        self.bytes -= len;
        Some((self.take_bytes(len), tag))
    }

    /// Removes strings from the front, up to `limit` bytes in total, and at least one. Appends those that `keep`
    /// selects to `pieces`; consecutive small ones share a piece.
    #[inline]
    pub(crate) fn pop_burst(
        &mut self,
        limit: usize,
        pieces: &mut Vec<Bytes>,
        mut keep: impl FnMut(T) -> bool,
    ) {
        let (mut bytes, mut run) = (0, 0);
        while let Some(next) = self.entries.front()
            && (bytes == 0 || bytes + next.len <= limit)
            && let Some(Entry { len, tag }) = self.entries.pop_front()
        {
            bytes += len;
            let is_kept = keep(tag);
            if is_kept && len <= SMALL {
                run += len;
                continue;
            }
            self.take_run(&mut run, pieces);
            let own = self.take_bytes(len);
            if is_kept {
                pieces.push(own);
            }
        }
        self.take_run(&mut run, pieces);
        self.bytes -= bytes;
    }

    /// Removes the strings whose tags `keep` does not select.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let mut before = std::mem::replace(self, Self::with_capacity(0));
        while let Some((bytes, tag)) = before.pop() {
            if keep(&tag) {
                self.push(&bytes, tag, || bytes.clone());
            }
        }
    }

    /// Removes all strings, and returns their tags.
    pub(crate) fn into_tags(self) -> impl Iterator<Item = T> {
        self.entries.into_iter().map(|entry| entry.tag)
    }

    /// Takes the bytes of the first string, whose entry has been removed.
    #[inline]
    fn take_bytes(&mut self, len: usize) -> Bytes {
        match len {
            0 => Bytes::new(),
            len if len <= SMALL => self.small.split_to(len).freeze(),
            // By the invariant it is there.
            _ => self.large.pop_front().unwrap_or_default(),
        }
    }

    /// Takes the next `run` bytes of small strings in one piece.
    #[inline]
    fn take_run(&mut self, run: &mut usize, pieces: &mut Vec<Bytes>) {
        if *run > 0 {
            pieces.push(self.small.split_to(*run).freeze());
            *run = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = 4;

    type Queue = PackedQueue<usize, SMALL>;

    /// Checks the invariant.
    fn check(queue: &Queue) {
        let lengths = || queue.entries.iter().map(|entry| entry.len);
        let small: usize = lengths().filter(|len| *len <= SMALL).sum();
        assert_eq!(queue.small.len(), small);
        let large: Vec<usize> = lengths().filter(|len| *len > SMALL).collect();
        assert_eq!(Vec::from_iter(queue.large.iter().map(Bytes::len)), large);
        assert_eq!(queue.bytes, lengths().sum::<usize>());
    }

    fn string(tag: usize, len: usize) -> Bytes {
        vec![tag as u8; len].into()
    }

    fn push(queue: &mut Queue, tag: usize, len: usize) {
        let bytes = string(tag, len);
        queue.push(&bytes, tag, || bytes.clone());
    }

    /// Every operation in a random order, beside a queue of whole strings.
    #[test]
    fn strings_leave_in_their_order_and_the_buffers_hold_what_the_entries_say() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut model: VecDeque<(Bytes, usize)> = VecDeque::new();
        let mut queue = Queue::with_capacity(8);
        for tag in 0..20_000 {
            match random.usize(..8) {
                0..5 => {
                    let len = random.usize(..2 * SMALL);
                    push(&mut queue, tag, len);
                    model.push_back((string(tag, len), tag));
                }
                5 => assert_eq!(queue.pop(), model.pop_front()),
                6 => {
                    let (limit, mut pieces, mut count) = (random.usize(..20), Vec::new(), 0);
                    queue.pop_burst(limit, &mut pieces, |tag| {
                        count += 1;
                        tag % 3 > 0
                    });
                    let burst: Vec<_> = model.drain(..count).collect();
                    let bytes: usize = burst.iter().map(|(bytes, _)| bytes.len()).sum();
                    assert!(
                        bytes <= limit || burst.iter().filter(|(b, _)| !b.is_empty()).count() == 1
                    );
                    let kept = burst.iter().filter(|(_, tag)| tag % 3 > 0);
                    let kept: Vec<u8> = kept.flat_map(|(bytes, _)| bytes.to_vec()).collect();
                    assert_eq!(pieces.concat(), kept);
                }
                _ if tag % 16 == 0 => {
                    queue.retain(|tag| tag % 2 == 0);
                    model.retain(|(_, tag)| tag % 2 == 0);
                }
                _ => push_both(&mut queue, &mut model, tag),
            }
            check(&queue);
            assert_eq!(queue.len(), model.len());
        }
        let tags: Vec<usize> = model.into_iter().map(|(_, tag)| tag).collect();
        assert!(!tags.is_empty());
        assert_eq!(Vec::from_iter(queue.into_tags()), tags);
    }

    fn push_both(queue: &mut Queue, model: &mut VecDeque<(Bytes, usize)>, tag: usize) {
        queue.push_tag(tag);
        model.push_back((Bytes::new(), tag));
    }

    #[test]
    fn small_strings_that_follow_each_other_are_one_piece() {
        let mut queue = Queue::with_capacity(0);
        for (tag, len) in [1, 2, SMALL + 1, 3, 4].into_iter().enumerate() {
            push(&mut queue, tag, len);
        }
        let mut pieces = Vec::new();
        queue.pop_burst(usize::MAX, &mut pieces, |_| true);
        assert_eq!(Vec::from_iter(pieces.iter().map(Bytes::len)), [3, 5, 7]);
    }

    #[test]
    fn a_cleared_queue_is_empty_and_keeps_its_memory() {
        let mut queue = Queue::with_capacity(0);
        for tag in 0..100 {
            push(&mut queue, tag, tag % 8);
        }
        let capacity = queue.capacity();
        queue.clear();
        check(&queue);
        assert!(queue.is_empty() && queue.pop().is_none());
        assert_eq!(queue.capacity(), capacity);
        assert!(queue.small_capacity() >= 100);
    }
}
