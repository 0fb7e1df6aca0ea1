//! Folds everything an operation yields into 64 bits; the order counts.

#[derive(Debug)]
pub struct Digest(u64);

impl Digest {
    pub fn new() -> Self {
        Digest(7)
    }

    pub fn value(&self) -> u64 {
        self.0
    }

    #[inline(never)] // one copy of the folding, so that the operations themselves stay small enough to optimise
    pub fn add(&mut self, value: u64) {
        self.0 = (self.0 ^ value)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23);
    }

    pub fn add_wide(&mut self, value: u128) {
        self.add(value as u64);
        self.add((value >> 64) as u64);
    }

    pub fn add_flag(&mut self, value: bool) {
        self.add(u64::from(value));
    }

    pub fn add_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(padded));
        }
        self.add(bytes.len() as u64);
    }
}
