//! Each target holds on its corpus, and on mutations of it.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use fastrand::Rng;
use fuzz::{TARGETS, Target};

/// How long each target runs without the variable `FUZZ_SECONDS`.
const SECONDS: u64 = 3;

#[test]
fn messages_hold_on_mutations_of_the_corpus() {
    try_target("messages");
}

#[test]
fn server_holds_on_mutations_of_the_corpus() {
    try_target("server");
}

#[test]
fn client_holds_on_mutations_of_the_corpus() {
    try_target("client");
}

#[test]
fn generator_holds_on_mutations_of_the_corpus() {
    try_target("generator");
}

/// Prints how to reproduce an input that fails.
struct Shown<'a> {
    target: &'a Target,
    from: &'a str,
    input: &'a [u8],
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = self.target.name;
            let path = env::temp_dir().join(format!("fuzz-{name}"));
            let written = fs::write(&path, self.input);
            eprintln!(
                "{}: the input of {name} is in {path:?} ({written:?})",
                self.from
            );
        }
    }
}

fn try_target(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("a target");
    if let Some(path) = env::var_os("FUZZ_INPUT") {
        return (target.run)(&fs::read(path).expect("the input"));
    }
    let corpus = corpus(name);
    for (file, input) in &corpus {
        run(target, file, input);
    }
    let seed = variable("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let seconds = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(SECONDS));
    let begin = Instant::now();
    let mut runs: u64 = 0;
    while begin.elapsed() < seconds {
        // A seed gives the same first input in every run.
        let seed = seed.wrapping_add(runs);
        let mut random = Rng::with_seed(seed);
        let (file, input) = &corpus[random.usize(..corpus.len())];
        let input = (target.mutate)(input, &mut random);
        run(target, &format!("FUZZ_SEED={seed}, of {file}"), &input);
        runs += 1;
    }
    eprintln!(
        "{name}: {} inputs, {runs} mutations from FUZZ_SEED={seed} on",
        corpus.len()
    );
}

fn run(target: &Target, from: &str, input: &[u8]) {
    let _shown = Shown {
        target,
        from,
        input,
    };
    (target.run)(input);
}

/// The inputs of a target, by the names of their files.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = fs::read_dir(directory).expect("a corpus");
    let mut corpus: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").display().to_string();
            (name, fs::read(path).expect("a file"))
        })
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "there are no inputs");
    corpus
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
