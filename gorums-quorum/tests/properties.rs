//! What holds for all quorum systems, tried on random ones, and on all sets of nodes where these are few.

use std::collections::BTreeSet;

use fastrand::Rng;
use gorums_quorum::{
    Acknowledged, NodeSet, QuorumError, QuorumSystem, Quorums, ReadWrite, Share, Verdict,
    check_common,
};

/// A system as the text of an expression says it.
enum Expression {
    Node(u32),
    Choose(usize, Vec<Expression>),
    Weights(u128, Vec<(u32, u64)>),
}

impl Expression {
    /// A random system of some of `nodes` nodes, at most `depth` deep.
    fn random(random: &mut Rng, nodes: u32, depth: usize) -> Self {
        match random.usize(..if depth == 0 { 1 } else { 5 }) {
            0 => Self::Node(random.u32(1..=nodes)),
            1 => {
                let mut weights: Vec<_> =
                    (1..=nodes).map(|node| (node, random.u64(0..9))).collect();
                weights[0].1 += 1;
                random.shuffle(&mut weights[1..]);
                weights.truncate(random.usize(1..=nodes as usize));
                let total: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
                Self::Weights(random.u128(1..=total), weights)
            }
            2 => {
                let mut all: Vec<u32> = (1..=nodes).collect();
                random.shuffle(&mut all);
                all.truncate(random.usize(1..=nodes as usize));
                let least = random.usize(1..=all.len());
                Self::Choose(least, all.into_iter().map(Self::Node).collect())
            }
            _ => {
                let parts = random.usize(1..=3);
                let part = |_| Self::random(random, nodes, depth - 1);
                let parts: Vec<Self> = (0..parts).map(part).collect();
                Self::Choose(random.usize(1..=parts.len()), parts)
            }
        }
    }

    fn system(&self) -> Result<Quorums<u32>, QuorumError> {
        match self {
            Self::Node(node) => Ok(Quorums::node(*node)),
            Self::Choose(least, of) => {
                let of: Result<Vec<_>, _> = of.iter().map(Self::system).collect();
                Quorums::choose(*least, of?)
            }
            Self::Weights(least, of) => {
                Quorums::weights(of.iter().copied(), Share::at_least(*least))
            }
        }
    }

    fn holds(&self, nodes: &BTreeSet<u32>) -> bool {
        match self {
            Self::Node(node) => nodes.contains(node),
            Self::Choose(least, of) => of.iter().filter(|part| part.holds(nodes)).count() >= *least,
            Self::Weights(least, of) => {
                let there = of.iter().filter(|(node, _)| nodes.contains(node));
                there.map(|(_, weight)| u128::from(*weight)).sum::<u128>() >= *least
            }
        }
    }
}

/// Random systems of up to `nodes` nodes, with what they were made from.
fn systems(nodes: u32, count: u64) -> impl Iterator<Item = (Expression, Quorums<u32>)> {
    (0..count).filter_map(move |seed| {
        let mut random = Rng::with_seed(seed);
        let nodes = random.u32(1..=nodes);
        let expression = Expression::random(&mut random, nodes, 3);
        // A node that is chosen twice is refused.
        let system = expression.system().ok()?;
        Some((expression, system))
    })
}

/// The usual systems of `n` nodes.
fn usual(n: u32) -> Result<Vec<Quorums<u32>>, QuorumError> {
    let nodes = || 1..=n;
    let rows = (1..=n).step_by(3).map(|first| first..=(first + 2).min(n));
    let mut all = vec![
        Quorums::majority(nodes()),
        Quorums::all(nodes()),
        Quorums::any(nodes()),
        Quorums::at_least(n as usize / 3 + 1, nodes())?,
        Quorums::weights(
            nodes().map(|node| (node, node.into())),
            Share::more_than(2, 3),
        )?,
        Quorums::row(rows.clone())?,
        Quorums::hierarchical(rows.clone().map(Quorums::majority))?,
        Quorums::spread(n as usize / 2 + 1, 1, nodes().map(|node| (node, node % 3)))?,
        Quorums::majority(nodes()) & Quorums::majority(2..=n + 1),
        Quorums::fast(n as usize / 2 + 1, nodes())?,
    ];
    all.extend(Quorums::epaxos(nodes()));
    all.extend(Quorums::dissemination((n as usize - 1) / 3, nodes()));
    all.extend(Quorums::masking((n as usize - 1) / 4, nodes()));
    Ok(all)
}

fn subsets(nodes: usize) -> impl Iterator<Item = NodeSet> {
    (0..1u32 << nodes).map(move |bits| (0..nodes).filter(|at| bits >> at & 1 == 1).collect())
}

fn random_set(random: &mut Rng, nodes: usize) -> NodeSet {
    let share = random.f64();
    (0..nodes).filter(|_| random.f64() < share).collect()
}

fn assert_monotone(system: &Quorums<u32>, random: &mut Rng) {
    let mut order: Vec<usize> = (0..system.nodes().len()).collect();
    random.shuffle(&mut order);
    let (mut yes, mut no) = (NodeSet::new(), NodeSet::new());
    let mut before = system.verdict(&yes, &no);
    for node in order {
        if random.bool() { &mut yes } else { &mut no }.insert(node);
        let now = system.verdict(&yes, &no);
        assert!(
            before == now || before == Verdict::Possible,
            "{system}: {before:?}, then {now:?}"
        );
        before = now;
    }
    assert_ne!(before, Verdict::Possible, "{system}: all have answered");
}

#[test]
fn verdicts_are_monotone_and_final_once_all_have_answered() -> Result<(), QuorumError> {
    let mut random = Rng::with_seed(1);
    for (_, system) in systems(12, 2000) {
        assert_monotone(&system, &mut random);
    }
    for n in [1, 2, 3, 4, 5, 7, 9, 64, 65, 255, 256, 257, 1024] {
        for system in usual(n)? {
            for _ in 0..5 {
                assert_monotone(&system, &mut random);
            }
        }
    }
    Ok(())
}

#[test]
fn evaluation_on_bits_agrees_with_a_naive_one() {
    for (expression, system) in systems(8, 2000) {
        for set in subsets(system.nodes().len()) {
            let nodes: BTreeSet<u32> = system.universe().nodes(&set).copied().collect();
            assert_eq!(
                system.is_quorum(&set),
                expression.holds(&nodes),
                "{system}: {nodes:?}"
            );
            let mut rest = system.universe().all();
            rest.subtract(&set);
            assert_eq!(
                system.is_quorum_without(&set),
                system.is_quorum(&rest),
                "{system}: {nodes:?}"
            );
        }
    }
    let mut random = Rng::with_seed(2);
    for (expression, system) in systems(1024, 100) {
        for _ in 0..20 {
            let set = random_set(&mut random, system.nodes().len());
            let nodes: BTreeSet<u32> = system.universe().nodes(&set).copied().collect();
            assert_eq!(system.is_quorum(&set), expression.holds(&nodes), "{system}");
        }
    }
}

#[test]
fn the_dual_of_the_dual_is_the_system() -> Result<(), QuorumError> {
    let usual = [usual(7)?, usual(1024)?].concat();
    for system in systems(12, 2000).map(|(_, system)| system).chain(usual) {
        assert_eq!(system.dual().dual(), system);
    }
    Ok(())
}

#[test]
fn the_printed_form_parses_back_to_an_equal_system() -> Result<(), QuorumError> {
    let usual = [usual(7)?, usual(100)?].concat();
    for system in systems(12, 2000).map(|(_, system)| system).chain(usual) {
        for system in [system.dual(), system] {
            assert_eq!(system.to_string().parse().as_ref(), Ok(&system), "{system}");
        }
    }
    Ok(())
}

#[test]
fn a_set_is_a_quorum_of_the_dual_if_it_meets_each_quorum() {
    for (_, system) in systems(7, 1000) {
        let (nodes, dual) = (system.nodes().len(), system.dual());
        let quorums: Vec<_> = subsets(nodes).filter(|set| system.is_quorum(set)).collect();
        for set in subsets(nodes) {
            let meets = quorums.iter().all(|quorum| quorum.common(&set) > 0);
            assert_eq!(dual.is_quorum(&set), meets, "{system}: {set:?}");
        }
    }
}

/// Quorums of both systems that have less than `common` nodes in common, by looking at all.
fn disjoint(a: &Quorums<u32>, b: &Quorums<u32>, common: usize) -> bool {
    let all = a.clone() & b.clone();
    let quorums = |system: &Quorums<u32>| {
        let in_all = |set| all.universe().set(system.universe().nodes(&set));
        let minimal = system.minimal(usize::MAX);
        minimal.quorums.into_iter().map(in_all).collect::<Vec<_>>()
    };
    let (a, b) = (quorums(a), quorums(b));
    a.iter().any(|a| b.iter().any(|b| a.common(b) < common))
}

#[test]
fn the_check_of_intersections_agrees_with_looking_at_all_quorums() {
    let all: Vec<_> = systems(7, 400).map(|(_, system)| system).collect();
    for pair in all.windows(2) {
        for common in 1..=3 {
            let checked = check_common(&[&pair[0], &pair[1]], common);
            let expected = disjoint(&pair[0], &pair[1], common);
            assert_eq!(checked.is_err(), expected, "{pair:?} {common}: {checked:?}");
            if let Err(error) = checked {
                let QuorumError::Disjoint(found) = error else {
                    panic!("{error}");
                };
                assert!(found.common < common);
                for (system, quorum) in pair.iter().zip(&found.quorums) {
                    let quorum: Vec<u32> =
                        quorum.iter().filter_map(|node| node.parse().ok()).collect();
                    assert!(system.is_quorum_of(&quorum), "{system}: {quorum:?}");
                }
            }
        }
    }
}

#[test]
fn reads_and_their_dual_writes_meet() -> Result<(), QuorumError> {
    for n in 1..=7 {
        for reads in usual(n)? {
            let system = ReadWrite::of_reads(reads);
            assert!(!disjoint(system.reads(), system.writes(), 1), "{system:?}");
            assert!(ReadWrite::new(system.reads().clone(), system.writes().clone()).is_ok());
        }
    }
    let mut random = Rng::with_seed(3);
    for n in [64, 200, 1024] {
        for reads in usual(n)? {
            let system = ReadWrite::of_writes(reads);
            assert!(ReadWrite::new(system.reads().clone(), system.writes().clone()).is_ok());
            for _ in 0..50 {
                let mut any = |system: &Quorums<u32>| system.pick(|_| Some(random.u64(..)));
                let (Some(read), Some(write)) = (any(system.reads()), any(system.writes())) else {
                    panic!("{system:?}");
                };
                assert!(read.common(&write) > 0, "{system:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn byzantine_quorums_have_enough_nodes_in_common() -> Result<(), QuorumError> {
    for n in 1..=7_usize {
        for f in 0..n {
            for (times, system) in [
                (3, Quorums::dissemination(f, 1..=n as u32)),
                (4, Quorums::masking(f, 1..=n as u32)),
            ] {
                let Ok(system) = system else {
                    assert!(n <= times * f);
                    continue;
                };
                let common = (times - 2) * f + 1;
                assert!(!disjoint(&system, &system, common), "{system}");
                assert!(
                    disjoint(&system, &system, common + 2),
                    "{system} is larger than it has to be"
                );
                assert!(n > times * f);
                // Silent nodes do not block all quorums.
                assert!(system.is_quorum_without(&NodeSet::first(f)), "{system}");
            }
        }
    }
    for (n, f) in [(64, 21), (200, 66)] {
        let system = Quorums::dissemination(f, 1..=n)?;
        assert_eq!(check_common(&[&system, &system], f + 1), Ok(()));
        let masking = Quorums::masking(f / 2, 1..=n)?;
        assert_eq!(check_common(&[&masking, &masking], f / 2 * 2 + 1), Ok(()));
        assert!(check_common(&[&system, &masking], n as usize).is_err());
    }
    let mut random = Rng::with_seed(6);
    let (system, masking) = (
        Quorums::dissemination(341, 1..=1024)?,
        Quorums::masking(255, 1..=1024)?,
    );
    for _ in 0..100 {
        for (system, common) in [(&system, 342), (&masking, 511)] {
            let mut any = || system.pick(|_| Some(random.u64(..))).unwrap_or_default();
            assert!(any().common(&any()) >= common);
        }
    }
    Ok(())
}

#[test]
fn fast_quorums_meet_twice_in_each_classic_one() -> Result<(), QuorumError> {
    for n in [3, 4, 5, 6, 7, 8, 64, 200] {
        let few = n < 9;
        for phase_1 in (1..=n as usize).step_by(if few { 1 } else { 60 }) {
            let classic = Quorums::at_least(phase_1, 1..=n)?;
            let fast = Quorums::fast(phase_1, 1..=n)?;
            assert_eq!(
                check_common(&[&classic, &fast, &fast], 1),
                Ok(()),
                "{classic} and {fast}"
            );
            let fast = fast.minimal(1).quorums[0].len();
            if fast > 1 {
                let smaller = Quorums::at_least(fast - 1, 1..=n)?;
                assert!(check_common(&[&classic, &smaller, &smaller], 1).is_err());
            }
        }
    }
    Ok(())
}

#[test]
fn minimal_quorums_are_all_that_include_no_smaller_one() {
    for (_, system) in systems(7, 1000) {
        let quorums: Vec<_> = subsets(system.nodes().len())
            .filter(|set| system.is_quorum(set))
            .collect();
        let is_minimal = |set: &&NodeSet| {
            let smaller = |other: &NodeSet| other != *set && other.is_subset(set);
            !quorums.iter().any(smaller)
        };
        let mut expected: Vec<_> = quorums.iter().filter(is_minimal).cloned().collect();
        let minimal = system.minimal(usize::MAX);
        let mut found = minimal.quorums;
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{system}");
        assert!(minimal.is_complete);
    }
}

#[test]
fn a_pick_is_a_minimal_quorum_of_available_nodes() {
    let mut random = Rng::with_seed(4);
    for (_, system) in systems(12, 2000) {
        let there = random_set(&mut random, system.nodes().len());
        let cost = |node: &u32| {
            let position = system.universe().position(node)?;
            there.contains(position).then_some(u64::from(*node) * 7 % 5)
        };
        match system.pick(cost) {
            Some(picked) => {
                assert!(picked.is_subset(&there) && system.is_quorum(&picked));
                for node in picked.iter() {
                    let mut smaller = picked.clone();
                    smaller.remove(node);
                    assert!(!system.is_quorum(&smaller), "{system}: {picked:?}");
                }
            }
            None => assert!(!system.is_quorum(&there), "{system}: {there:?}"),
        }
    }
}

#[test]
fn the_acknowledged_index_is_the_greatest_that_a_quorum_has() {
    let mut random = Rng::with_seed(5);
    for (_, system) in systems(9, 500) {
        let mut indices = vec![0; system.nodes().len()];
        let mut log = Acknowledged::new(&system);
        for _ in 0..60 {
            let at = random.usize(..indices.len());
            let index = random.u64(..40);
            indices[at] = index.max(indices[at]);
            let has = |least: u64| {
                let nodes = (0..indices.len()).filter(|&at| indices[at] >= least);
                system.is_quorum(&nodes.collect())
            };
            let expected = (0..40).rev().find(|&least| has(least));
            assert_eq!(
                Some(log.acknowledge(&system.nodes()[at], index)),
                expected,
                "{system}: {indices:?}"
            );
        }
    }
}
