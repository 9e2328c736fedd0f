//! Histories that are linearizable for a reason that is easy to see, and planted violations.

use harness::history::{Pending, Recorder};
use harness::linearizability::{CheckError, Violation, check, check_within};
use harness::registers::{Operation, Outcome, Registers};

/// The value of each register before all writes.
const INITIAL: u32 = 0;

type Op = Operation<&'static str, u32>;
type Call = Pending<Op, Outcome<u32>>;

/// Clients of registers.
struct Clients(Recorder<Op, Outcome<u32>>);

impl Clients {
    fn new() -> Self {
        Self(Recorder::new())
    }

    fn read(&self, client: u64) -> Read {
        Read(self.0.invoke(client, Operation::Read("x")))
    }

    fn write(&self, client: u64, value: u32) -> Write {
        Write(self.0.invoke(client, Operation::Write("x", value)))
    }

    fn swap(&self, client: u64, expected: u32, new: u32) -> Swap {
        let key = "x";
        let swap = Operation::CompareAndSwap { key, expected, new };
        Swap(self.0.invoke(client, swap))
    }

    #[track_caller]
    fn are_linearizable(&self) {
        let checked = check(&self.0.history(), &Registers::new(INITIAL));
        if let Err(error) = checked {
            panic!("{error}");
        }
    }

    /// Checks that the history is not linearizable, and is up to the return of `operation`.
    #[track_caller]
    fn violate_at(&self, operation: usize) -> Violation {
        match check(&self.0.history(), &Registers::new(INITIAL)) {
            Err(CheckError::Violation(violation)) => {
                assert_eq!(violation.operation(), operation, "{violation}");
                *violation
            }
            other => panic!("no violation: {other:?}"),
        }
    }
}

struct Read(Call);
struct Write(Call);
struct Swap(Call);

impl Read {
    fn returns(self, value: u32) {
        self.0.returned(Outcome::Read(value));
    }
}

impl Write {
    fn returns(self) {
        self.0.returned(Outcome::Written);
    }

    fn times_out(self) {
        self.0.lost();
    }
}

impl Swap {
    fn returns(self, swapped: bool) {
        self.0.returned(Outcome::Swapped(swapped));
    }
}

#[test]
fn an_empty_history_is_linearizable() {
    Clients::new().are_linearizable();
}

#[test]
fn a_sequential_history_is_linearizable_if_each_read_returns_the_last_write() {
    let clients = Clients::new();
    clients.read(1).returns(INITIAL);
    clients.write(1, 1).returns();
    clients.read(2).returns(1);
    clients.swap(2, 1, 2).returns(true);
    clients.swap(1, 1, 3).returns(false);
    clients.read(1).returns(2);
    clients.are_linearizable();
}

#[test]
fn a_read_may_return_the_value_before_or_after_a_concurrent_write() {
    let clients = Clients::new();
    let write = clients.write(1, 1);
    clients.read(2).returns(INITIAL);
    clients.read(3).returns(1);
    clients.read(2).returns(1);
    write.returns();
    clients.are_linearizable();
}

#[test]
fn concurrent_writes_may_take_effect_in_the_order_opposite_to_their_returns() {
    let clients = Clients::new();
    let (first, second) = (clients.write(1, 1), clients.write(2, 2));
    first.returns();
    second.returns();
    clients.read(3).returns(1);
    clients.are_linearizable();
}

#[test]
fn reads_may_return_the_values_of_concurrent_writes_in_either_order() {
    for (earlier, later) in [(1, 2), (2, 1)] {
        let clients = Clients::new();
        let writes = [clients.write(1, 1), clients.write(2, 2)];
        clients.read(3).returns(earlier);
        clients.read(3).returns(later);
        writes.into_iter().for_each(Write::returns);
        clients.are_linearizable();
    }
}

#[test]
fn a_stale_read_after_a_newer_one_is_found() {
    let clients = Clients::new();
    clients.write(1, 1).returns();
    let write = clients.write(1, 2);
    clients.read(2).returns(2);
    clients.read(3).returns(1);
    write.returns();
    let violation = clients.violate_at(3);
    assert_eq!(violation.concurrent(), [1]);
    assert_eq!(violation.linearization(), [0, 1, 2]);
}

#[test]
fn a_lost_update_is_found() {
    let clients = Clients::new();
    clients.write(1, 1).returns();
    clients.write(1, 2).returns();
    clients.read(2).returns(1);
    clients.violate_at(2);
}

#[test]
fn a_read_of_a_value_that_was_never_written_is_found() {
    let clients = Clients::new();
    let write = clients.write(1, 1);
    clients.read(2).returns(7);
    write.returns();
    clients.violate_at(1);
}

#[test]
fn a_read_of_a_value_whose_write_began_later_is_found() {
    let clients = Clients::new();
    clients.read(2).returns(1);
    clients.write(1, 1).returns();
    clients.violate_at(0);
}

#[test]
fn two_readers_that_see_writes_in_opposite_orders_are_found() {
    let clients = Clients::new();
    let writes = [clients.write(1, 1), clients.write(2, 2)];
    let (first, second) = (clients.read(3), clients.read(4));
    first.returns(1);
    second.returns(2);
    let (first, second) = (clients.read(3), clients.read(4));
    first.returns(2);
    second.returns(1);
    writes.into_iter().for_each(Write::returns);
    clients.violate_at(5);
}

#[test]
fn a_read_that_returns_the_old_value_after_another_client_read_the_new_one_is_found() {
    let clients = Clients::new();
    let write = clients.write(1, 1);
    clients.read(2).returns(1);
    clients.read(3).returns(INITIAL);
    write.times_out();
    clients.violate_at(2);
}

#[test]
fn a_compare_and_swap_that_succeeds_twice_is_found() {
    let clients = Clients::new();
    let (first, second) = (clients.swap(1, 0, 1), clients.swap(2, 0, 2));
    first.returns(true);
    second.returns(true);
    let violation = clients.violate_at(1);
    assert_eq!(violation.concurrent(), [0]);
}

#[test]
fn of_concurrent_compare_and_swaps_one_may_succeed() {
    let clients = Clients::new();
    let (first, second) = (clients.swap(1, 0, 1), clients.swap(2, 0, 2));
    first.returns(false);
    second.returns(true);
    clients.read(3).returns(2);
    clients.are_linearizable();
}

#[test]
fn the_smallest_prefix_ends_with_the_return_that_contradicts_an_earlier_read() {
    let clients = Clients::new();
    let swap = clients.swap(1, 0, 5);
    for _ in 0..10 {
        clients.read(2).returns(5);
    }
    // Until here, the swap may have succeeded.
    swap.returns(false);
    clients.read(2).returns(5);
    let violation = clients.violate_at(0);
    assert!(violation.concurrent().iter().copied().eq(1..=10));
}

#[test]
fn what_follows_a_violation_does_not_move_it() {
    let clients = Clients::new();
    clients.write(1, 1).returns();
    clients.read(1).returns(2);
    let late = clients.write(1, 2);
    for _ in 0..20 {
        clients.read(2).returns(2);
    }
    late.returns();
    clients.violate_at(1);
}

#[test]
fn a_lost_write_may_have_no_effect() {
    let clients = Clients::new();
    clients.write(1, 1).times_out();
    clients.read(2).returns(INITIAL);
    clients.write(2, 2).returns();
    clients.read(2).returns(2);
    clients.are_linearizable();
}

#[test]
fn a_lost_write_may_take_effect_late() {
    let clients = Clients::new();
    clients.write(1, 1).times_out();
    clients.read(2).returns(INITIAL);
    clients.write(1, 2).returns();
    clients.read(2).returns(2);
    clients.read(2).returns(1);
    clients.are_linearizable();
}

#[test]
fn a_lost_write_that_could_explain_an_earlier_read_is_kept_for_a_later_one() {
    let clients = Clients::new();
    clients.write(1, 1).times_out();
    let (first, second) = (clients.write(2, 1), clients.write(3, 2));
    first.returns();
    second.returns();
    // By the write of client 2, if it took effect after that of client 3.
    clients.read(2).returns(1);
    clients.write(2, 3).returns();
    // By the lost write.
    clients.read(2).returns(1);
    clients.are_linearizable();
}

#[test]
fn a_lost_write_that_takes_effect_before_its_invocation_is_found() {
    let clients = Clients::new();
    clients.read(2).returns(1);
    clients.write(1, 1).times_out();
    clients.violate_at(0);
}

#[test]
fn a_lost_write_that_takes_effect_twice_is_found() {
    let clients = Clients::new();
    clients.write(1, 1).times_out();
    clients.read(2).returns(1);
    clients.write(2, 2).returns();
    clients.read(2).returns(1);
    clients.violate_at(3);
}

#[test]
fn lost_operations_may_depend_on_each_other() {
    let clients = Clients::new();
    drop(clients.swap(1, 2, 3));
    drop(clients.swap(1, 1, 2));
    drop(clients.swap(1, 0, 1));
    clients.read(2).returns(3);
    clients.are_linearizable();
}

#[test]
fn many_lost_writes_are_decided() {
    let clients = Clients::new();
    for value in 1..=60 {
        clients.write(1, value).times_out();
    }
    for value in (1..=60).rev().step_by(2) {
        clients.read(2).returns(value);
    }
    clients.are_linearizable();
    clients.read(2).returns(60);
    clients.violate_at(90);
}

#[test]
fn each_key_is_a_register_of_its_own() {
    let recorder = Recorder::new();
    let write = |key, value| {
        let write = recorder.invoke(1, Operation::Write(key, value));
        write.returned(Outcome::Written);
    };
    let read = |key, value| {
        let read = recorder.invoke(1, Operation::Read(key));
        read.returned(Outcome::Read(value));
    };
    write("x", 1);
    write("y", 2);
    read("x", 1);
    read("y", 2);
    assert!(check(&recorder.history(), &Registers::new(0)).is_ok());
    read("x", 2);
    let error = check(&recorder.history(), &Registers::new(0)).unwrap_err();
    let CheckError::Violation(violation) = error else {
        panic!("{error}");
    };
    assert_eq!((violation.key(), violation.operation()), ("\"x\"", 4));
}

/// Twenty concurrent writes, and a read of another value.
fn too_concurrent(clients: &Clients) {
    let writes: Vec<_> = (1..=20).map(|id| clients.write(id, id as u32)).collect();
    let read = clients.read(21);
    writes.into_iter().for_each(Write::returns);
    read.returns(99);
}

#[test]
fn a_history_that_is_too_concurrent_is_undecided_after_the_steps() {
    let clients = Clients::new();
    too_concurrent(&clients);
    let checked = check_within(&clients.0.history(), &Registers::new(INITIAL), 10_000);
    let error = checked.unwrap_err();
    assert_eq!(
        error.to_string(),
        "undecided: key \"x\", with 21 operations, is too concurrent to be decided in 10000 steps. \
         Use more keys, fewer clients or shorter runs"
    );
}

#[test]
fn a_violation_is_found_even_if_another_key_is_undecided() {
    let clients = Clients::new();
    too_concurrent(&clients);
    let read = clients.0.invoke(1, Operation::Read("y"));
    read.returned(Outcome::Read(1));
    let checked = check_within(&clients.0.history(), &Registers::new(INITIAL), 10_000);
    let error = checked.unwrap_err();
    assert!(matches!(error, CheckError::Violation(found) if found.key() == "\"y\""));
}

#[test]
fn a_violation_shows_what_was_linearized_and_what_was_concurrent_in_a_table() {
    let clients = Clients::new();
    for value in 1..=9 {
        clients.write(1, value).returns();
    }
    clients.write(10, 100).times_out();
    let write = clients.write(1, 10);
    clients.read(2).returns(10);
    clients.read(3).returns(9);
    write.returns();
    let violation = clients.violate_at(12);
    assert_eq!(
        format!("{}\n", CheckError::Violation(Box::new(violation))),
        r#"not linearizable: key "x"
The last operations of the longest linearization found:
   #  client  invoked  returned  operation        outcome   state
   3       1        6         7  Write("x", 4)    Written   4
   4       1        8         9  Write("x", 5)    Written   5
   5       1       10        11  Write("x", 6)    Written   6
   6       1       12        13  Write("x", 7)    Written   7
   7       1       14        15  Write("x", 8)    Written   8
   8       1       16        17  Write("x", 9)    Written   9
  10       1       19        24  Write("x", 10)   Written   10
  11       2       20        21  Read("x")        Read(10)  10
No linearization has the operation marked with >, among those concurrent with it:
   9      10       18         -  Write("x", 100)  -
  10       1       19        24  Write("x", 10)   Written
> 12       3       22        23  Read("x")        Read(9)
"#
    );
}
