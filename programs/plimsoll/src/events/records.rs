//! Records of events written in place: a store a field, where Borsh's writer checks and copies.

use anchor_lang::prelude::*;

use crate::error::PlimsollError;

/// Vectors written in place, as Borsh has them.
pub(crate) struct Records<'a> {
    buffer: &'a mut [u8],
    end: usize,
}

impl<'a> Records<'a> {
    /// Behind `end` bytes of fields.
    #[inline(always)]
    pub(crate) fn behind(buffer: &'a mut [u8], end: usize) -> Self {
        Self { buffer, end }
    }

    /// Leaves room for a vector's length and says where.
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Result<usize> {
        let at = self.end;
        self.push(&[0; 4])?;
        Ok(at)
    }

    #[inline(always)]
    pub(crate) fn push<const N: usize>(&mut self, record: &[u8; N]) -> Result<()> {
        let place = self
            .buffer
            .get_mut(self.end..)
            .and_then(<[u8]>::first_chunk_mut);
        *place.ok_or(PlimsollError::Overflow)? = *record;
        self.end = self.end.saturating_add(N);
        Ok(())
    }

    pub(crate) fn finish(&mut self, at: usize, count: u32) -> Result<()> {
        let place = self.buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        *place.ok_or(PlimsollError::Overflow)? = count.to_le_bytes();
        Ok(())
    }

    /// The bytes in front of the records.
    pub(crate) fn front(&mut self, size: usize) -> &mut [u8] {
        self.buffer.get_mut(..size).unwrap_or(&mut [])
    }

    /// All that is written.
    pub(crate) fn written(&self) -> &[u8] {
        self.buffer.get(..self.end).unwrap_or(&[])
    }
}
