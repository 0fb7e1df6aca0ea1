//! A xorshift generator that prefers the values at which wide arithmetic goes wrong.

#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed | 1) // zero would stay zero
    }

    /// Uniform over 64 bits.
    pub fn uniform(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.uniform() % bound
    }

    pub fn index(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    /// Small numbers, zero, all ones, single bits, and numbers of every length.
    pub fn edge(&mut self) -> u64 {
        let value = self.uniform();
        let kind = self.below(64);
        match kind % 7 {
            0 => value & 0xff,
            1 => 0,
            2 => u64::MAX >> (value % 4),
            3 => 1 << (value % 64),
            _ => value >> kind,
        }
    }

    pub fn wide(&mut self) -> u128 {
        u128::from(self.edge()) << 64 | u128::from(self.edge())
    }

    /// 128 bits of digits at which a long division guesses wrongly.
    pub fn digits(&mut self) -> u128 {
        (0..4).fold(0, |number, _| {
            let digit = match self.below(6) {
                0 => 0,
                1 => 1,
                2 => 0x7fff_ffff,
                3 => 0x8000_0000,
                4 => 0xffff_ffff,
                _ => self.uniform() as u32,
            };
            number << 32 | u128::from(digit)
        })
    }
}
