//! The same inputs and seed give the same bytes, whatever the machine does.

use std::collections::BTreeMap;

use plimsoll_replay::report;
use plimsoll_replay::rules::RuleSet;
use plimsoll_replay::study::Request;

use crate::world::{avax, play};

const FILES: [&str; 3] = ["summary.json", "events.csv", "report.html"];

fn request(seed: u64) -> Request {
    let mut request = avax(&[
        RuleSet::Plimsoll,
        RuleSet::BaselineQueue,
        RuleSet::BaselineRandom,
    ]);
    request.from = Some("21:15".parse().unwrap());
    request.until = Some("21:18".parse().unwrap());
    request.seed = seed;
    request
}

/// What is written by so many threads.
fn written(request: &Request, threads: usize) -> BTreeMap<&'static str, Vec<u8>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let study = pool.build().unwrap().install(|| play(request));
    let folder = tempfile::tempdir().unwrap();
    report::write(&study, folder.path()).expect("the files");
    let read = |name| (name, std::fs::read(folder.path().join(name)).unwrap());
    FILES.into_iter().map(read).collect()
}

#[test]
fn the_bytes_are_the_same_twice_and_on_one_thread_or_two() {
    let (one, two) = (written(&request(3), 1), written(&request(3), 2));
    for name in FILES {
        assert!(!one[name].is_empty());
        assert!(one[name] == two[name], "{name} differs");
    }
    let other = written(&request(4), 2);
    for name in FILES {
        assert!(
            one[name] != other[name],
            "{name} is the same for another seed"
        );
    }
}
