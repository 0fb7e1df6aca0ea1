//! The embedded chain as its clients see it: through JSON-RPC and the WebSocket, on free ports.
//!
//! One binary for all of it: linking a validator takes longer than running these tests.

mod deployment;
mod fixture;
mod lifecycle;
mod money;
mod prices;
mod time;
