//! What the compute bench measures and how it reports. The tests themselves lie in `tests/e2e`.
#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot go on has no figures to give"
)]

pub mod bench;
