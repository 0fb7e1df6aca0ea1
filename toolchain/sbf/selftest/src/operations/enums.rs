//! Enums with payloads: niches, boxes, derived order and equality, and the formatting machinery.

use crate::{digest::Digest, random::Random};

const DEPTH_MAX: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Shape {
    Empty,
    Pair(u8, u128),
    Named { x: i64, label: String },
    Nested(Box<Shape>),
}

#[inline(never)]
fn shape(random: &mut Random, depth: u32) -> Shape {
    match random.below(4) {
        0 => Shape::Empty,
        1 => Shape::Pair(random.uniform() as u8, random.wide()),
        2 => Shape::Named {
            x: random.edge() as i64,
            label: format!("{}-{:x}", random.edge() as i32, random.edge()),
        },
        _ if depth >= DEPTH_MAX => Shape::Empty,
        _ => Shape::Nested(Box::new(shape(random, depth + 1))),
    }
}

pub fn all(digest: &mut Digest, random: &mut Random) {
    let mut shapes: Vec<Shape> = (0..12).map(|_| shape(random, 0)).collect();
    shapes.sort_unstable();
    shapes.dedup();
    digest.add_bytes(format!("{shapes:?}").as_bytes());
    digest.add_bytes(format!("{:#?}", shapes[0]).as_bytes());
    let cloned = shapes.clone();
    digest.add_flag(cloned == shapes);
    digest.add_flag(shapes.iter().max() == shapes.first());
}
