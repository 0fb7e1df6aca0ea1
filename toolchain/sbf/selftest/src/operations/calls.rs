//! Calls that the BPF calling convention (five registers, one register back) cannot express by itself.

use crate::{digest::Digest, random::Random};

pub fn all(digest: &mut Digest, random: &mut Random) {
    through_many_arguments(digest, random);
    through_trait_objects(digest, random);
    through_function_pointers(digest, random);
}

struct Mixed {
    sum: u128,
    larger: Option<u64>,
    halves: [u16; 5],
}

struct Refused {
    code: i32,
    detail: u64,
}

// More arguments than registers, of every size, and a result that goes through memory: what is tested is the signature.
#[allow(clippy::too_many_arguments)]
#[inline(never)]
fn mix(
    small: u8,
    wide: u128,
    signed: i16,
    counter: &mut u64,
    optional: Option<u128>,
    triple: [u32; 3],
    pair: (u64, u64),
    factor: i128,
) -> Result<Mixed, Refused> {
    *counter = counter.wrapping_add(u64::from(small));
    if small.is_multiple_of(5) {
        return Err(Refused {
            code: i32::from(signed),
            detail: pair.0,
        });
    }
    Ok(Mixed {
        sum: wide
            .wrapping_add(optional.unwrap_or(9))
            .wrapping_mul(factor as u128 | 1),
        larger: (triple[0] > triple[1]).then_some(pair.1),
        halves: [
            triple[2] as u16,
            signed as u16,
            u16::from(small),
            pair.0 as u16,
            factor as u16,
        ],
    })
}

fn through_many_arguments(digest: &mut Digest, random: &mut Random) {
    let mut counter = random.uniform();
    for _ in 0..20 {
        let optional = random.uniform().is_multiple_of(2).then(|| random.wide());
        let outcome = mix(
            random.uniform() as u8,
            random.wide(),
            random.uniform() as i16,
            &mut counter,
            optional,
            [random.uniform() as u32, random.uniform() as u32, 3],
            (random.uniform(), random.edge()),
            random.wide() as i128,
        );
        match outcome {
            Ok(mixed) => {
                digest.add_wide(mixed.sum);
                digest.add(mixed.larger.unwrap_or(5));
                mixed
                    .halves
                    .iter()
                    .for_each(|half| digest.add(u64::from(*half)));
            }
            Err(refused) => {
                digest.add(refused.code as u64);
                digest.add(refused.detail);
            }
        }
    }
    digest.add(counter);
}

trait Machine {
    fn step(&mut self, input: i64) -> i128;
    fn combine(&self, a: u128, b: u128, c: u64) -> Option<(u128, u64)>;
}

struct Accumulator(u64);
struct Tape(Vec<u8>);

impl Machine for Accumulator {
    fn step(&mut self, input: i64) -> i128 {
        self.0 = self.0.wrapping_add(input as u64);
        i128::from(input) * i128::from(self.0)
    }

    fn combine(&self, a: u128, b: u128, c: u64) -> Option<(u128, u64)> {
        (!c.is_multiple_of(3)).then(|| (a.wrapping_mul(b) / (u128::from(c) | 1), self.0))
    }
}

impl Machine for Tape {
    fn step(&mut self, input: i64) -> i128 {
        self.0.push(input as u8);
        -i128::from(input)
    }

    fn combine(&self, a: u128, b: u128, c: u64) -> Option<(u128, u64)> {
        let folded = self.0.iter().fold(c, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte)) & 0xff_ffff
        });
        Some((a % (b | 1), folded))
    }
}

fn through_trait_objects(digest: &mut Digest, random: &mut Random) {
    let mut machines: Vec<Box<dyn Machine>> = vec![
        Box::new(Accumulator(3)),
        Box::new(Tape(vec![1, 2, 3])),
        Box::new(Accumulator(random.uniform())),
    ];
    for round in 0..30 {
        let chosen = random.index(machines.len());
        let input = random.edge() as i64;
        digest.add_wide(machines[chosen].step(input) as u128);
        if let Some((wide, narrow)) =
            machines[round % 3].combine(random.wide(), random.wide(), random.edge())
        {
            digest.add_wide(wide);
            digest.add(narrow);
        }
    }
}

type SixToTwo = fn(u64, u64, u64, u64, u64, u64) -> (u64, u128);

fn product_of_the_middle(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> (u64, u128) {
    (
        a ^ b,
        u128::from(c)
            .wrapping_mul(u128::from(d))
            .wrapping_add(u128::from(e & f)),
    )
}

fn shift_by_the_middle(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> (u64, u128) {
    (a | f, u128::from(b) << (c % 64) | u128::from(d ^ e))
}

fn through_function_pointers(digest: &mut Digest, random: &mut Random) {
    let functions: [SixToTwo; 2] = [product_of_the_middle, shift_by_the_middle];
    for _ in 0..10 {
        let chosen = functions[random.index(2)];
        let mut next = || random.uniform();
        let (narrow, wide) = chosen(next(), next(), next(), next(), next(), next());
        digest.add(narrow);
        digest.add_wide(wide);
    }
}
