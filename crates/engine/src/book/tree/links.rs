//! The links of a tree: which child hangs where, and the blocks read as its nodes.

use crate::state::{Block, Order};

/// The two children of a node, and the two directions to turn it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// Better priority.
    Left,
    /// Worse priority.
    Right,
}

impl Hand {
    #[inline(always)]
    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Which child of `parent` the node at `index` is. A missing one ([`NIL`]) must have a sibling.
#[inline(always)]
pub(super) fn hand_of(blocks: &[Block], parent: u32, index: u32) -> Hand {
    if node(blocks, parent).left == index {
        Hand::Left
    } else {
        Hand::Right
    }
}

#[inline(always)]
pub(super) fn child(blocks: &[Block], index: u32, hand: Hand) -> u32 {
    let order = node(blocks, index);
    match hand {
        Hand::Left => order.left,
        Hand::Right => order.right,
    }
}

/// Sets one of the two links between parent and child, the parent's.
#[inline(always)]
pub(super) fn set_child(blocks: &mut [Block], index: u32, hand: Hand, child: u32) {
    let order = node_mut(blocks, index);
    match hand {
        Hand::Left => order.left = child,
        Hand::Right => order.right = child,
    }
}

#[inline(always)]
pub(super) fn is_red(blocks: &[Block], index: u32) -> bool {
    node(blocks, index).red != 0
}

#[inline(always)]
pub(super) fn paint(blocks: &mut [Block], index: u32, red: bool) {
    node_mut(blocks, index).red = u8::from(red);
}

/// The block as a node. The one place where this module may abort: every index comes from the caller's
/// arena or from a link written here, so a block out of range means that the account is corrupt, and
/// then no result is right. The kind is not checked, because the sentinel is read too.
#[allow(clippy::indexing_slicing, clippy::as_conversions)]
#[inline(always)]
pub(super) fn node(blocks: &[Block], index: u32) -> &Order {
    bytemuck::cast_ref(&blocks[index as usize])
}

/// The same, mutable, for the same reason.
#[allow(clippy::indexing_slicing, clippy::as_conversions)]
#[inline(always)]
pub(super) fn node_mut(blocks: &mut [Block], index: u32) -> &mut Order {
    bytemuck::cast_mut(&mut blocks[index as usize])
}
