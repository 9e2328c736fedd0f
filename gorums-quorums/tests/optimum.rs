//! Properties of optimal strategies, and bounds of what is looked at.

use std::error::Error;

use fastrand::Rng;
use gorums_quorum::{NodeSet, Quorums, ReadWrite};
use gorums_quorums::{
    Error as NoAnswer, Kind, Metric, Node, Question, ReadFractions, Search, Strategy, System,
};

type Outcome = Result<(), Box<dyn Error>>;

fn random_quorums(random: &mut Rng, depth: usize) -> Quorums<u8> {
    if depth == 0 || random.f32() < 0.2 {
        return Quorums::node(random.u8(0..7));
    }
    let count = random.usize(2..=4);
    let of: Vec<_> = (0..count)
        .map(|_| random_quorums(random, depth - 1))
        .collect();
    let any = of.clone().into_iter().reduce(Quorums::or);
    let chosen = Quorums::choose(random.usize(1..=count), of).ok().or(any);
    chosen.unwrap_or_else(|| Quorums::node(0))
}

fn random_system(random: &mut Rng) -> Result<System<u8>, NoAnswer> {
    let nodes: Result<Vec<Node>, NoAnswer> = (0..7)
        .map(|_| {
            let (reads, writes) = (random.f64() * 1e4 + 10.0, random.f64() * 1e3 + 10.0);
            Node::with_capacities(reads, writes)?.with_latency(random.f64())
        })
        .collect();
    let nodes = nodes?;
    let quorums = ReadWrite::of_reads(random_quorums(random, 3));
    Ok(System::new(
        quorums,
        |&node| nodes[usize::from(node)],
        10_000,
    ))
}

/// A strategy that uses random quorums, with some nodes more if `f` is more than 0.
fn random_strategy(
    random: &mut Rng,
    system: &System<u8>,
    f: usize,
) -> Result<Strategy<u8>, NoAnswer> {
    let mut sets = |kind| {
        let sets = (0..4).map(|_| {
            let quorums = system.minimal(kind);
            let mut set = quorums[random.usize(0..quorums.len())].clone();
            while !survives(system, kind, &set, f) {
                set.insert(random.usize(0..system.nodes().len()));
            }
            (set, random.f64() + 0.01)
        });
        sets.collect::<Vec<_>>()
    };
    let (reads, writes) = (sets(Kind::Read), sets(Kind::Write));
    Strategy::new(system, reads, writes)
}

fn survives(system: &System<u8>, kind: Kind, set: &NodeSet, f: usize) -> bool {
    let without = |failed| {
        let mut rest = set.clone();
        rest.remove(failed);
        survives(system, kind, &rest, f - 1)
    };
    system.is_quorum(kind, set) && (f == 0 || set.iter().all(without))
}

#[test]
fn no_strategy_is_better_than_the_optimal_one() -> Outcome {
    let mut random = Rng::with_seed(3);
    for round in 0..80 {
        let system = random_system(&mut random)?;
        let f = if system.resilience().both() > 0 {
            round % 2
        } else {
            0
        };
        let fractions = [(random.f64(), 1.0), (random.f64(), 2.0)];
        let reads = ReadFractions::weighted(fractions)?;
        for optimize in Metric::ALL {
            let question = Question {
                optimize,
                f,
                ..Question::new(reads.clone())
            };
            let best = question.best(&system)?;
            assert!(best.is_optimal());
            let least = best.metric(optimize, &reads);
            for _ in 0..20 {
                let other = random_strategy(&mut random, &system, f)?;
                let value = other.metric(optimize, &reads);
                assert!(
                    least <= value * (1.0 + 1e-6),
                    "{optimize}: {least} > {value}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn optimal_strategies_survive_failures_and_keep_within_bounds() -> Outcome {
    let mut random = Rng::with_seed(5);
    let mut unattainable = 0;
    for _ in 0..200 {
        let system = random_system(&mut random)?;
        let f = system.resilience().both().min(2);
        let reads = ReadFractions::always(random.f64())?;
        let mut question = Question {
            f,
            ..Question::new(reads.clone())
        };
        let most = random.f64();
        question.bounds = question.bounds.with(Metric::Latency, most)?;
        match question.best(&system) {
            Ok(best) => {
                assert!(best.latency(&reads) <= most * (1.0 + 1e-6));
                for kind in [Kind::Read, Kind::Write] {
                    let mut choices = best.choices(kind).iter();
                    assert!(choices.all(|choice| survives(&system, kind, &choice.quorum, f)));
                }
            }
            Err(NoAnswer::Unattainable { metric, least, .. }) => {
                assert!(metric == Metric::Latency && least > most);
                unattainable += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    assert!((10..190).contains(&unattainable), "{unattainable}");
    Ok(())
}

#[test]
fn nodes_that_survive_nothing_may_still_answer_first() -> Outcome {
    // Of a 1-resilient quorum of a, c and d, the quorum of a and b is no part.
    let reads: Quorums<char> = "choose(2, [a, c, d]) | a & b".parse()?;
    let node = |&name: &char| {
        let latency = if "ab".contains(name) { 1.0 } else { 9.0 };
        Node::default().with_latency(latency).unwrap_or_default()
    };
    let system = System::new(ReadWrite::of_reads(reads), node, 100);
    let question = Question {
        optimize: Metric::Latency,
        f: 1,
        ..Question::new(ReadFractions::always(1.0)?)
    };
    let best = question.best(&system)?;
    assert_eq!(best.latency(&question.reads), 1.0);
    assert_eq!(best.network(&question.reads), 4.0);
    Ok(())
}

#[test]
fn ties_are_broken_by_the_load() -> Outcome {
    let system = System::new(
        ReadWrite::of_reads(Quorums::majority(0..5)),
        |_| Node::default(),
        100,
    );
    let reads = ReadFractions::always(0.5)?;
    for optimize in [Metric::Latency, Metric::Network] {
        let question = Question {
            optimize,
            ..Question::new(reads.clone())
        };
        let load = question.best(&system)?.load(&reads);
        assert!((load - 0.6).abs() < 1e-6, "{load}");
    }
    Ok(())
}

#[test]
fn capacities_may_differ_a_lot() -> Outcome {
    let node = |&name: &u32| Node::with_capacity(10_f64.powi(name as i32)).unwrap_or_default();
    let system = System::new(ReadWrite::of_reads(Quorums::majority(0..9)), node, 1_000);
    let reads = ReadFractions::always(0.5)?;
    let capacity = Question::new(reads.clone()).best(&system)?.capacity(&reads);
    // The five fastest nodes do it nearly alone, at the pace of the slowest of them.
    assert!((1e4..1.2e4).contains(&capacity), "{capacity}");
    Ok(())
}

#[test]
fn extreme_numbers_have_an_answer_or_an_error() -> Outcome {
    let mut random = Rng::with_seed(11);
    let mut answers = 0;
    for _ in 0..100 {
        let mut extreme = |least: i32, most: i32| 10_f64.powi(random.i32(least..=most));
        let nodes: Result<Vec<Node>, NoAnswer> = (0..7)
            .map(|_| {
                let node = Node::with_capacities(extreme(-9, 15), extreme(-9, 15))?;
                node.with_latency(extreme(-300, 9))
            })
            .collect();
        let nodes = nodes?;
        let quorums = ReadWrite::of_reads(random_quorums(&mut random, 3));
        let system = System::new(quorums, |&node| nodes[usize::from(node)], 1_000);
        for optimize in Metric::ALL {
            let mut question = Question {
                optimize,
                ..Question::new(ReadFractions::always(random.f64())?)
            };
            let most = 10_f64.powi(random.i32(-12..=12));
            question.bounds = question.bounds.with(Metric::Load, most)?;
            if let Ok(best) = question.best(&system) {
                answers += 1;
                let values = Metric::ALL.map(|metric| best.metric(metric, &question.reads));
                assert!(values.iter().all(|value| value.is_finite()), "{values:?}");
            }
        }
    }
    assert!(answers > 100, "{answers}");
    Ok(())
}

#[test]
fn of_too_many_quorums_a_good_strategy_is_found() -> Outcome {
    let system = System::new(
        ReadWrite::of_reads(Quorums::majority(0..101)),
        |_| Node::default(),
        2_000,
    );
    assert!(!system.is_complete(Kind::Read) && !system.resilience().is_exact);
    assert_eq!(system.resilience().both(), 50);
    let reads = ReadFractions::always(0.5)?;
    let best = Question::new(reads.clone()).best(&system)?;
    assert!(!best.is_optimal());
    assert!(best.load(&reads) < 0.51);
    let error = Question {
        f: 1,
        ..Question::new(reads)
    }
    .best(&system);
    assert!(matches!(error, Err(NoAnswer::TooLarge { f: 1, .. })));
    Ok(())
}

#[test]
fn systems_without_quorums_have_no_strategy() -> Outcome {
    let none = System::new(
        ReadWrite::of_reads(Quorums::<u32>::all([])),
        |_| Node::default(),
        10,
    );
    let best = Question::new(ReadFractions::always(0.5)?).best(&none);
    assert!(matches!(best, Err(NoAnswer::Empty { .. })));
    Ok(())
}

#[test]
fn reads_and_writes_may_have_different_nodes() -> Outcome {
    let (reads, writes) = (Quorums::any([1, 2]), Quorums::all([0, 1, 2, 3]));
    let system = System::new(ReadWrite::new(reads, writes)?, |_| Node::default(), 100);
    assert_eq!(system.universe().len(), 4);
    let writes = system.minimal(Kind::Write);
    assert_eq!((writes.len(), writes[0].len()), (1, 4));
    assert!(system.is_quorum(Kind::Read, &system.universe().set(&[2])));
    assert!(!system.is_quorum(Kind::Read, &system.universe().set(&[0, 3])));
    let resilience = system.resilience();
    assert_eq!((resilience.reads, resilience.writes), (1, 0));
    Ok(())
}

fn search(question: Question) -> Search {
    Search {
        question,
        resilience: 0,
        time_limit: None,
        limit: 1_000,
    }
}

#[test]
fn a_search_tells_its_progress() -> Outcome {
    let mut seen = Vec::new();
    let question = Question::new(ReadFractions::always(0.5)?);
    let nodes = ["a", "b", "c"].map(|name| (name, Node::default()));
    let found = search(question).run(nodes, |progress| seen.push(progress.systems))?;
    assert_eq!((found.systems, found.is_complete), (5, true));
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    Ok(())
}

#[test]
fn a_search_without_an_answer_says_why() -> Outcome {
    let mut question = Question::new(ReadFractions::always(0.5)?);
    question.bounds = question.bounds.with(Metric::Latency, 0.5)?;
    let nodes = || ["a", "b"].map(|name| (name, Node::default()));
    let error = search(question.clone()).run(nodes(), |_| ());
    let expected = "none of all 2 systems is an answer; of the first that is resilient enough, no strategy has a latency \
                    of at most 0.5 s: the least latency is 1 s";
    assert_eq!(
        error.err().map(|error| error.to_string()),
        Some(expected.into())
    );
    let resilient = Search {
        resilience: 1,
        ..search(question.clone())
    };
    let error = resilient.run(nodes(), |_| ());
    assert!(matches!(
        error,
        Err(NoAnswer::NoSystem {
            closest: None,
            is_complete: true,
            ..
        })
    ));
    let error = search(question).run::<&str>([], |_| ());
    assert!(matches!(error, Err(NoAnswer::NoNodes)));
    Ok(())
}
