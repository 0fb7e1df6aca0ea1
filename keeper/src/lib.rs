//! (start)
