//! A random sequence on the real bytecode with the invariants after every step, and not a byte moved by
//! what is refused.

use std::collections::BTreeMap;

use crate::sequence::{seed, Sequence};

fn run(seed: u64, steps: usize) {
    let mut sequence = Sequence::new(seed);
    let mut done: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
    for step in 0..steps {
        let op = sequence.next_op();
        sequence.ready(&op);
        let before = sequence.world.snapshot();
        let outcome = sequence.run(&op);
        let counts = done.entry(op.name()).or_default();
        match outcome {
            Ok(_) => counts[0] += 1,
            Err(rejected) => {
                counts[1] += 1;
                assert!(
                    rejected.engine.is_some() || rejected.code() == Some(1),
                    "seed {seed}, step {step}: {op:?} was refused by no name: {rejected:?}"
                );
                sequence.world.assert_unchanged(&before);
            }
        }
        // A failing assertion below is found by its step.
        println!("step {step}: {op:?}");
        sequence.world.assert_sound();
    }
    println!("seed {seed}: done and refused {done:?}");
    for (name, [passed, _]) in done {
        assert!(passed > 0, "seed {seed}: no {name} ever went through");
    }
}

#[test]
fn custody_claims_and_books_hold_after_every_step_of_a_random_sequence() {
    run(seed(7), 1_000);
}

/// Hours: for `make soak`.
#[test]
#[ignore = "long"]
fn soak_of_random_sequences_on_the_bytecode() {
    let first = seed(1_000);
    for number in 0..2_000 {
        run(first + number, 2_000);
    }
}
