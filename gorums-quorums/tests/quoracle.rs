//! The numbers of Quoracle: of its tutorial, and of "Read-Write Quorum Systems Made Practical" (Whittaker et al. 2021).

use std::error::Error;

use gorums_quorum::{NodeSet, QuorumSystem, Quorums, ReadWrite, Universe};
use gorums_quorums::{
    Bounds, Found, Kind, Metric, Node, Question, ReadFractions, Search, Strategy, System,
};

type Outcome = Result<(), Box<dyn Error>>;

const GRID: &str = "a*b*c + d*e*f";

fn reads(expression: &str) -> Result<ReadWrite<String>, Box<dyn Error>> {
    Ok(ReadWrite::of_reads(expression.parse()?))
}

/// The system of these nodes, which are called a, b, c and so on.
fn of_nodes(quorums: ReadWrite<String>, nodes: &[Node]) -> System<String> {
    let node = |name: &String| {
        let at = name.bytes().next().unwrap_or_default() - b'a';
        nodes[usize::from(at)]
    };
    System::new(quorums, node, System::<String>::LIMIT)
}

/// The system of nodes that do one command per second.
fn of_equals(expression: &str) -> Result<System<String>, Box<dyn Error>> {
    let quorums = reads(expression)?;
    Ok(System::new(
        quorums,
        |_| Node::default(),
        System::<String>::LIMIT,
    ))
}

fn at(fraction: f64) -> Result<ReadFractions, Box<dyn Error>> {
    Ok(ReadFractions::always(fraction)?)
}

/// Six nodes, of which each other one can do half as much.
fn alternating(
    [reads, writes]: [f64; 2],
    latencies: [f64; 6],
) -> Result<Vec<Node>, Box<dyn Error>> {
    let nodes = latencies.into_iter().enumerate().map(|(at, latency)| {
        let part = if at % 2 == 0 { 1.0 } else { 0.5 };
        Node::with_capacities(reads * part, writes * part)?.with_latency(latency)
    });
    Ok(nodes.collect::<Result<_, _>>()?)
}

/// The nodes of the tutorial: a reads 10000 and writes 1000 per second, b half of it; they answer after 1 to 6 s.
fn tutorial() -> Result<Vec<Node>, Box<dyn Error>> {
    alternating([10_000.0, 1_000.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
}

fn capacity(
    system: &System<String>,
    reads: ReadFractions,
    f: usize,
) -> Result<f64, Box<dyn Error>> {
    let question = Question {
        f,
        ..Question::new(reads)
    };
    Ok(question.best(system)?.capacity(&question.reads))
}

#[track_caller]
fn assert_close(value: f64, expected: f64) {
    assert_near(value, expected, 1e-6);
}

#[track_caller]
fn assert_near(value: f64, expected: f64, relative: f64) {
    assert!(
        (value - expected).abs() <= expected.abs() * relative,
        "{value} is not {expected}"
    );
}

fn names(universe: &Universe<String>, sets: &[NodeSet]) -> Vec<String> {
    let name = |set| universe.nodes(set).map(String::as_str).collect();
    sets.iter().map(name).collect()
}

#[test]
fn the_grids_write_quorums_have_a_node_of_each_row() -> Outcome {
    let grid = of_equals(GRID)?;
    let quorums = |kind| names(grid.universe(), grid.minimal(kind));
    assert_eq!(quorums(Kind::Read), ["abc", "def"]);
    let columns = ["ad", "ae", "af", "bd", "be", "bf", "cd", "ce", "cf"];
    assert_eq!(quorums(Kind::Write), columns);
    assert!(grid.is_complete(Kind::Read) && grid.is_complete(Kind::Write));
    Ok(())
}

#[test]
fn the_grids_reads_survive_one_failure_and_its_writes_two() -> Outcome {
    let resilience = of_equals(GRID)?.resilience();
    assert_eq!((resilience.reads, resilience.writes), (1, 2));
    assert_eq!((resilience.both(), resilience.is_exact), (1, true));
    Ok(())
}

fn by_hand(grid: &System<String>) -> Result<Strategy<String>, Box<dyn Error>> {
    let set = |names: &str| {
        let names: Vec<String> = names.chars().map(String::from).collect();
        grid.universe().set(&names)
    };
    let reads = [(set("abc"), 2.0), (set("def"), 1.0)];
    let writes = ["ad", "be", "cf"].map(|names| (set(names), 1.0));
    Ok(Strategy::new(grid, reads, writes)?)
}

#[test]
fn a_strategy_made_by_hand_has_the_loads_of_its_busiest_node() -> Outcome {
    let strategy = by_hand(&of_equals(GRID)?)?;
    for (fraction, load) in [(1.0, 2.0 / 3.0), (0.0, 1.0 / 3.0), (0.25, 5.0 / 12.0)] {
        assert_close(strategy.load(&at(fraction)?), load);
    }
    let loads = strategy.node_loads(&at(0.25)?);
    for (load, twelfths) in loads.into_iter().zip([5.0, 5.0, 5.0, 4.0, 4.0, 4.0]) {
        assert_close(load, twelfths / 12.0);
    }
    Ok(())
}

#[test]
fn a_strategy_uses_only_quorums() -> Outcome {
    let grid = of_equals(GRID)?;
    let [row, column] = [[0, 1, 2], [0, 3, 3]].map(NodeSet::from_iter);
    let swapped = Strategy::new(&grid, [(column.clone(), 1.0)], [(row.clone(), 1.0)]);
    let error = swapped.map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(error, Err("{a, d} is no read quorum".into()));
    for weight in [-1.0, f64::NAN, 0.0] {
        let strategy = Strategy::new(&grid, [(row.clone(), weight)], [(column.clone(), 1.0)]);
        assert!(strategy.is_err(), "{weight}");
    }
    Ok(())
}

#[test]
fn the_grids_optimal_load_at_a_quarter_reads_is_three_eighths() -> Outcome {
    let best = Question::new(at(0.25)?).best(&of_equals(GRID)?)?;
    assert_close(best.load(&at(0.25)?), 3.0 / 8.0);
    assert_close(best.capacity(&at(0.25)?), 8.0 / 3.0);
    assert!(best.is_optimal());
    // It chooses all rows and columns as often, so that it has these loads, too.
    for (fraction, load) in [(0.0, 1.0 / 3.0), (0.5, 5.0 / 12.0), (1.0, 0.5)] {
        assert_close(best.load(&at(fraction)?), load);
    }
    Ok(())
}

#[test]
fn the_grids_optimal_loads_are_those_of_quoracle() -> Outcome {
    let grid = of_equals(GRID)?;
    for (fraction, load) in [(0.0, 1.0 / 3.0), (0.5, 5.0 / 12.0), (1.0, 0.5)] {
        let best = Question::new(at(fraction)?).best(&grid)?;
        assert_close(best.load(&at(fraction)?), load);
    }
    Ok(())
}

#[test]
fn a_distribution_of_read_fractions_has_an_expected_load() -> Outcome {
    let varying = ReadFractions::weighted([(0.1, 1.0), (0.75, 1.0)])?;
    let best = Question::new(varying.clone()).best(&of_equals(GRID)?)?;
    assert_close(best.load(&varying), 0.404_166_666_7);
    Ok(())
}

#[test]
fn nodes_with_half_the_capacity_are_used_less() -> Outcome {
    let nodes = alternating([1_000.0, 1_000.0], [1.0; 6])?;
    let grid = of_nodes(reads(GRID)?, &nodes);
    assert_close(capacity(&grid, at(0.75)?, 0)?, 4_000.0 / 3.0);
    Ok(())
}

#[test]
fn reads_and_writes_have_capacities_of_their_own() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    for (fraction, expected) in [(1.0, 10_000.0), (0.5, 3_913.043_478), (0.0, 2_000.0)] {
        assert_close(capacity(&grid, at(fraction)?, 0)?, expected);
    }
    Ok(())
}

#[test]
fn one_resilient_writes_of_the_grid_cost_half_of_the_capacity() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    assert_close(capacity(&grid, at(0.0)?, 0)?, 2_000.0);
    assert_close(capacity(&grid, at(0.0)?, 1)?, 1_000.0);
    Ok(())
}

#[test]
fn one_resilient_writes_to_two_of_five_go_to_three() -> Outcome {
    let writes: Quorums<String> = "choose(2, [a, b, c, d, e])".parse()?;
    let system = of_nodes(ReadWrite::of_writes(writes), &tutorial()?);
    assert_close(capacity(&system, at(0.0)?, 0)?, 2_000.0);
    assert_close(capacity(&system, at(0.0)?, 1)?, 4_000.0 / 3.0);
    Ok(())
}

fn least_latency(bounds: Bounds) -> Result<Question, Box<dyn Error>> {
    Ok(Question {
        optimize: Metric::Latency,
        bounds,
        ..Question::new(at(0.5)?)
    })
}

#[test]
fn the_least_latency_is_that_of_the_fastest_quorums() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    let best = least_latency(Bounds::default())?.best(&grid)?;
    assert_close(best.latency(&at(0.5)?), 3.5);
    assert_close(best.latency(&at(1.0)?), 3.0);
    assert_close(best.latency(&at(0.0)?), 4.0);
    Ok(())
}

#[test]
fn a_bounded_load_costs_latency() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    let bounds = Bounds::default().with(Metric::Load, 1.0 / 1_500.0)?;
    let best = least_latency(bounds)?.best(&grid)?;
    assert_close(best.latency(&at(0.5)?), 11.0 / 3.0);
    assert_close(best.capacity(&at(0.5)?), 1_500.0);
    Ok(())
}

#[test]
fn a_bounded_latency_costs_capacity() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    let question = Question {
        bounds: Bounds::default().with(Metric::Latency, 4.0)?,
        ..Question::new(at(0.5)?)
    };
    let best = question.best(&grid)?;
    assert_near(best.capacity(&at(0.5)?), 3_856.209, 1e-6);
    assert_close(best.latency(&at(0.5)?), 4.0);
    Ok(())
}

#[test]
fn the_least_network_load_is_that_of_the_smallest_quorums() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    let question = Question {
        optimize: Metric::Network,
        bounds: Bounds::default()
            .with(Metric::Load, 1.0 / 2_000.0)?
            .with(Metric::Latency, 4.0)?,
        ..Question::new(at(0.5)?)
    };
    assert_close(question.best(&grid)?.network(&at(0.5)?), 2.5);
    Ok(())
}

#[test]
fn what_a_bound_makes_impossible_names_the_bound() -> Outcome {
    let grid = of_nodes(reads(GRID)?, &tutorial()?);
    let ask = |bounds: &[(Metric, f64)]| -> Result<String, Box<dyn Error>> {
        let mut question = Question::new(at(0.5)?);
        for &(metric, most) in bounds {
            question.bounds = question.bounds.with(metric, most)?;
        }
        let best = question.best(&grid);
        Ok(best.map_or_else(|error| error.to_string(), |_| "found".into()))
    };
    let alone = ask(&[(Metric::Latency, 1.0), (Metric::Network, 3.0)])?;
    let expected = "no strategy has a latency of at most 1 s: the least latency is 3.5 s";
    assert_eq!(alone, expected);
    let together = ask(&[(Metric::Load, 1.0 / 1_500.0), (Metric::Latency, 3.6)])?;
    let start = "no strategy has a latency of at most 3.6 s: the least latency is 3.666";
    assert!(together.starts_with(start), "{together}");
    assert!(
        together.contains(" with a load of at most 0.0006"),
        "{together}"
    );
    Ok(())
}

fn searched() -> Result<(Found<String>, ReadFractions), Box<dyn Error>> {
    let reads = at(0.75)?;
    let search = Search {
        question: Question {
            f: 1,
            bounds: Bounds::default()
                .with(Metric::Latency, 4.0)?
                .with(Metric::Network, 4.0)?,
            ..Question::new(reads.clone())
        },
        resilience: 1,
        time_limit: None,
        limit: System::<String>::LIMIT,
    };
    let nodes = tutorial()?;
    let named = ["a", "b", "c", "d", "e", "f"].map(String::from);
    Ok((search.run(named.into_iter().zip(nodes), |_| ())?, reads))
}

#[test]
fn a_search_finds_the_tutorials_system() -> Outcome {
    let (found, reads) = searched()?;
    assert_eq!((found.systems, found.is_complete), (13_684, true));
    let expected: Quorums<String> = "choose(3, [a, b + d + f, c, e])".parse()?;
    assert_eq!(*found.system.quorums().reads(), expected);
    assert_close(found.strategy.capacity(&reads), 3_500.0);
    assert_near(found.strategy.latency(&reads), 3.907_143, 1e-6);
    assert_near(found.strategy.network(&reads), 3.985_714, 1e-6);
    for kind in [Kind::Read, Kind::Write] {
        for choice in found.strategy.choices(kind) {
            let survives = |failed| {
                let mut rest = choice.quorum.clone();
                rest.remove(failed);
                found.system.is_quorum(kind, &rest)
            };
            assert!(choice.quorum.iter().all(survives), "{choice:?}");
        }
    }
    Ok(())
}

#[test]
fn the_papers_search_reads_from_one_near_node() -> Outcome {
    let [whole, _, half, _] = four([200.0, 100.0])?;
    let (far, near) = (whole.with_latency(4.0)?, half.with_latency(1.0)?);
    let reads = at(1.0)?;
    let search = Search {
        question: Question {
            optimize: Metric::Latency,
            bounds: Bounds::default()
                .with(Metric::Load, 1.0 / 150.0)?
                .with(Metric::Network, 2.0)?,
            ..Question::new(reads.clone())
        },
        resilience: 0,
        time_limit: None,
        limit: System::<String>::LIMIT,
    };
    let found = search.run([("a", far), ("b", far), ("c", near), ("d", near)], |_| ())?;
    assert_eq!(found.system.quorums().reads().to_string(), "a | b | c | d");
    assert_close(found.strategy.latency(&reads), 1.0);
    assert_close(found.strategy.network(&reads), 1.0);
    Ok(())
}

#[test]
fn a_majority_of_three_does_three_halves_of_a_node() -> Outcome {
    let majority = of_equals("a*b + b*c + a*c")?;
    assert_eq!(majority.resilience().both(), 1);
    assert_close(capacity(&majority, at(1.0)?, 0)?, 1.5);
    Ok(())
}

/// Two nodes that can do `most`, and two that can do half of it.
fn four(most: [f64; 2]) -> Result<[Node; 4], Box<dyn Error>> {
    let [reads, writes] = most;
    let (whole, half) = (
        Node::with_capacities(reads, writes)?,
        Node::with_capacities(reads / 2.0, writes / 2.0)?,
    );
    Ok([whole, whole, half, half])
}

#[test]
fn the_papers_grids_have_its_capacities() -> Outcome {
    let grid = of_nodes(reads("a*b + c*d")?, &four([100.0, 100.0])?);
    assert_close(capacity(&grid, at(1.0)?, 0)?, 150.0);

    let nodes = four([200.0, 100.0])?;
    let grid = of_nodes(reads("a*b + c*d")?, &nodes);
    for (fraction, expected) in [(1.0, 300.0), (0.5, 200.0), (0.0, 100.0)] {
        assert_close(capacity(&grid, at(fraction)?, 0)?, expected);
    }
    assert_close(capacity(&grid, at(1.0)?, 1)?, 100.0);
    let any_two = of_nodes(reads("choose(2, [a, b, c, d])")?, &nodes);
    assert_close(capacity(&any_two, at(1.0)?, 0)?, 300.0);
    assert_close(capacity(&any_two, at(1.0)?, 1)?, 200.0);

    let mixed = of_nodes(reads("a*c + b*d")?, &nodes);
    let varying = [
        (0.0, 10.0),
        (0.25, 4.0),
        (0.5, 2.0),
        (0.75, 1.0),
        (1.0, 1.0),
    ];
    let found = capacity(&mixed, ReadFractions::weighted(varying)?, 0)?;
    assert_near(found, 159.0, 0.005);
    Ok(())
}

#[test]
fn quorum_systems_that_repeat_nodes_are_analysed() -> Outcome {
    let paths = of_equals("a*b + a*c*e + d*e + d*c*b")?;
    assert_eq!(paths.resilience().both(), 1);
    let universe = paths.quorums().reads().universe();
    assert_eq!(names(universe, paths.minimal(Kind::Write)).len(), 4);
    Ok(())
}

/// The README's case study of five nodes, which takes a capacity as the inverse of the expected load. For the second system
/// it tells 5824, which is not the best.
#[test]
fn the_case_studys_systems_have_its_loads() -> Outcome {
    let nodes = &tutorial()?[..5];
    let varying = ReadFractions::weighted([(0.9, 0.9), (0.1, 0.1)])?;
    for (expression, capacities) in [
        ("majority([a, b, c, d, e])", [5_089.0, 3_816.0]),
        ("a*b + c*d*e", [5_837.19, 1_908.0]),
        ("a*b + a*c*e + d*e + d*c*b", [5_725.0, 1_908.0]),
    ] {
        let system = of_nodes(reads(expression)?, nodes);
        assert!(system.resilience().both() >= 1, "{expression}");
        for (f, capacity) in capacities.into_iter().enumerate() {
            let question = Question {
                f,
                ..Question::new(varying.clone())
            };
            let load = question.best(&system)?.load(&varying);
            assert_near(load, 1.0 / capacity, 3e-4);
        }
    }
    Ok(())
}
