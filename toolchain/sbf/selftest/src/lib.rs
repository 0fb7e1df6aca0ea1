//! The self-test of `toolchain/sbf`: operations that this toolchain had to teach LLVM's BPF backend (wide integers, many
//! arguments, aggregate returns, divisions, memory functions, floats), folded into one digest.
//!
//! The same source runs twice, natively and as bytecode. A digest that differs names the group and the seed. It must
//! not depend on anything but the seed, and not on Solana's crates: what is tested is the compiler.

// rustc's own list of operating systems does not name Solana.
#![allow(unexpected_cfgs)]

mod digest;
mod operations;
#[cfg(target_os = "solana")]
mod program;
mod random;

pub use operations::{run, GROUPS};
