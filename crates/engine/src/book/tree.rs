//! One side of the book: a red-black tree over the blocks of the market's arena.
//!
//! It keeps the resting orders of a side in price-time priority, so that an order rests or leaves in a
//! few hundred compute units however deep the book is. Left is better priority, right is worse. The
//! orders are also threaded in that order (`prev`, `next`) and the best is cached, so that matching and
//! depth walk a plain list and never the tree.
//!
//! What it must not do: read or write anything of an order but `kind`, `side`, `price` and the links of
//! the tree and the thread; allocate or free blocks; touch the sentinel. Block [`NIL`] is read as a black
//! node without children and is never written: the fix-ups carry the parent of a missing node
//! themselves. There is no recursion; the loops descend or climb one path of at most
//! `2 * log2(orders + 1)` nodes.

use crate::state::{Block, BlockKind, Order, OrderSide, Tree, NIL};

mod links;
#[cfg(test)]
mod tests;

use links::{child, hand_of, is_red, node, node_mut, paint, set_child, Hand};

/// A vacant child link under which a new order keeps the priority in order.
struct Vacancy {
    /// [`NIL`] in an empty tree: the link is the root.
    parent: u32,
    hand: Hand,
}

/// What is left where a node has been taken out of the tree.
struct Gap {
    /// The subtree that moved up, or [`NIL`]: the reason why the parent is kept apart.
    child: u32,
    parent: u32,
    /// Whether the node taken out was red: then no path has lost a black node.
    red: bool,
}

/// Puts the order at `index`, whose kind, side and price are written, behind all orders of its price.
///
/// Whatever its links held before is overwritten.
#[inline(never)]
pub fn insert(blocks: &mut [Block], tree: &mut Tree, index: u32) {
    debug_assert!(index != NIL);
    debug_assert_eq!(node(blocks, index).kind, BlockKind::Order.byte());
    let Vacancy { parent, hand } = find_vacancy(blocks, tree, index);

    // Under its parent the order is the parent's new neighbour on that hand, so the thread needs no
    // second search. In an empty tree the parent is the sentinel, whose links are all NIL.
    let (prev, next) = match hand {
        Hand::Left => (node(blocks, parent).prev, parent),
        Hand::Right => (parent, node(blocks, parent).next),
    };
    let order = node_mut(blocks, index);
    order.left = NIL;
    order.right = NIL;
    order.parent = parent;
    order.prev = prev;
    order.next = next;
    order.red = 1;

    if parent == NIL {
        tree.root = index;
    } else {
        set_child(blocks, parent, hand, index);
    }
    if prev == NIL {
        tree.best = index;
    } else {
        node_mut(blocks, prev).next = index;
    }
    if next != NIL {
        node_mut(blocks, next).prev = index;
    }
    // Cannot wrap: each order is a block of its own and blocks are numbered in a u32.
    tree.orders = tree.orders.wrapping_add(1);

    part_red_nodes(blocks, tree, index);
}

/// Takes the order at `index` out. It must be in this tree.
///
/// Its own links stay as they were, so that a walk may still read `next`; the caller frees the block.
#[inline(never)]
pub fn remove(blocks: &mut [Block], tree: &mut Tree, index: u32) {
    debug_assert!(index != NIL);
    debug_assert_eq!(node(blocks, index).kind, BlockKind::Order.byte());
    let order = node(blocks, index);
    let (left, right, prev, next) = (order.left, order.right, order.prev, order.next);
    let red = is_red(blocks, index);

    if prev == NIL {
        tree.best = next;
    } else {
        node_mut(blocks, prev).next = next;
    }
    if next != NIL {
        node_mut(blocks, next).prev = prev;
    }
    // Cannot wrap: the order that leaves was counted.
    tree.orders = tree.orders.wrapping_sub(1);

    if prev == NIL {
        remove_leftmost(blocks, tree, index);
        return;
    }
    let gap = if left != NIL && right != NIL {
        replace_by_next(blocks, tree, index)
    } else {
        let child = if left == NIL { right } else { left };
        let parent = replace(blocks, tree, index, child);
        Gap { child, parent, red }
    };
    if !gap.red {
        restore_black_height(blocks, tree, gap.child, gap.parent, hand_of);
    }
}

/// The same for the best order, which matching removes: it and all above it are left children, so that no hand
/// need be looked up. What is under it is nothing, or one red order of worse priority.
#[inline(always)]
fn remove_leftmost(blocks: &mut [Block], tree: &mut Tree, index: u32) {
    let Order {
        right, parent, red, ..
    } = *node(blocks, index);
    if parent == NIL {
        tree.root = right;
    } else {
        node_mut(blocks, parent).left = right;
    }
    if right != NIL {
        let child = node_mut(blocks, right);
        child.parent = parent;
        child.red = 0;
    } else if red == 0 {
        restore_black_height(blocks, tree, NIL, parent, |_, _, _| Hand::Left);
    }
}

/// Where the order at `index` belongs.
#[inline(always)]
fn find_vacancy(blocks: &[Block], tree: &Tree, index: u32) -> Vacancy {
    let order = node(blocks, index);
    // Flipping every bit of a price reverses the order of prices: with bids flipped, the lower rank is
    // the better on both sides.
    let flip = if order.side == OrderSide::Bid.byte() {
        u64::MAX
    } else {
        0
    };
    let rank = order.price ^ flip;

    // Most orders come to rest at the touch: no descent for those that become best or second.
    if tree.best == NIL {
        return Vacancy {
            parent: NIL,
            hand: Hand::Left,
        };
    }
    let best = node(blocks, tree.best);
    if rank < best.price ^ flip {
        return Vacancy {
            parent: tree.best,
            hand: Hand::Left,
        };
    }
    if best.next == NIL || rank < node(blocks, best.next).price ^ flip {
        // If best has worse orders under it, the second is the leftmost of those.
        return if best.right == NIL {
            Vacancy {
                parent: tree.best,
                hand: Hand::Right,
            }
        } else {
            Vacancy {
                parent: best.next,
                hand: Hand::Left,
            }
        };
    }

    let parent = descend(blocks, tree.root, rank, flip);
    let hand = if rank < node(blocks, parent).price ^ flip {
        Hand::Left
    } else {
        Hand::Right
    };
    Vacancy { parent, hand }
}

/// The node under which an order of this rank belongs, on the hand that its rank says.
///
/// A function of five words and one result, so that its loop runs in registers: it is most of the cost
/// of an insertion, and inlined it spills to the stack at every level.
#[inline(never)]
fn descend(blocks: &[Block], root: u32, rank: u64, flip: u64) -> u32 {
    let mut parent = root;
    loop {
        let candidate = node(blocks, parent);
        // At equal prices it goes right: behind those that came before.
        let below = if rank < candidate.price ^ flip {
            candidate.left
        } else {
            candidate.right
        };
        if below == NIL {
            return parent;
        }
        parent = below;
    }
}

/// After an insertion: `index` is red, and so may its parent be, which no red node's parent may.
/// All else is in order; black heights are, and stay, equal.
#[inline(always)]
fn part_red_nodes(blocks: &mut [Block], tree: &mut Tree, mut index: u32) {
    loop {
        let mut parent = node(blocks, index).parent;
        if parent == NIL {
            // The root is black: painting it adds one to every path alike.
            paint(blocks, index, false);
            return;
        }
        if !is_red(blocks, parent) {
            return;
        }
        // A red node is not the root, so there is a grandparent, and it is black.
        let grandparent = node(blocks, parent).parent;
        let hand = hand_of(blocks, grandparent, parent);
        let uncle = child(blocks, grandparent, hand.opposite());

        // Red uncle: the grandparent gives its black to both children, which parts the two red nodes
        // and keeps the heights; it is red now itself, so the question moves up two levels.
        if is_red(blocks, uncle) {
            paint(blocks, parent, false);
            paint(blocks, uncle, false);
            paint(blocks, grandparent, true);
            index = grandparent;
            continue;
        }

        // Inner grandchild: a turn of the grandparent would carry it across to the other side, still
        // under a red node. Turned outward first, it trades places with its parent.
        if hand_of(blocks, parent, index) != hand {
            rotate(blocks, tree, parent, hand);
            parent = index;
        }

        // Outer grandchild: the parent takes the grandparent's place and its black; the grandparent
        // goes down red on the side of the black uncle. The top stays black, so this ends it.
        paint(blocks, parent, false);
        paint(blocks, grandparent, true);
        rotate(blocks, tree, grandparent, hand.opposite());
        return;
    }
}

/// Takes the node at `index`, which has two children, out of the tree by moving the next order in
/// priority into its place and colour. The gap is then where that order was.
#[inline(always)]
fn replace_by_next(blocks: &mut [Block], tree: &mut Tree, index: u32) -> Gap {
    let order = node(blocks, index);
    let (left, right, next) = (order.left, order.right, order.next);
    let red = is_red(blocks, index);
    // The next order is the leftmost below the right child, so it has no left child of its own.
    let gap_child = node(blocks, next).right;
    let gap_red = is_red(blocks, next);

    let gap_parent = if next == right {
        // It moves up with its subtree still under it.
        next
    } else {
        let parent = replace(blocks, tree, next, gap_child);
        set_child(blocks, next, Hand::Right, right);
        node_mut(blocks, right).parent = next;
        parent
    };
    replace(blocks, tree, index, next);
    set_child(blocks, next, Hand::Left, left);
    node_mut(blocks, left).parent = next;
    paint(blocks, next, red);
    Gap {
        child: gap_child,
        parent: gap_parent,
        red: gap_red,
    }
}

/// After a removal: every path through `index` (under `parent`, and possibly [`NIL`]) is one black node
/// short. All else is in order. `hand_of` is [`hand_of`], or what it would say.
#[inline(always)]
fn restore_black_height(
    blocks: &mut [Block],
    tree: &mut Tree,
    mut index: u32,
    mut parent: u32,
    hand_of: impl Fn(&[Block], u32, u32) -> Hand,
) {
    loop {
        // A red node makes good for the missing black one by turning black.
        if is_red(blocks, index) {
            paint(blocks, index, false);
            return;
        }
        // At the root every path is short alike, which is in order.
        if parent == NIL {
            return;
        }
        // The sibling's paths have a black node more than these, so the sibling is never missing.
        let hand = hand_of(blocks, parent, index);
        let mut sibling = child(blocks, parent, hand.opposite());

        // Red sibling: it takes the parent's place and colour, which gives the short side a black
        // sibling, one of its former children, and a red parent: one of the cases below ends it.
        if is_red(blocks, sibling) {
            paint(blocks, sibling, false);
            paint(blocks, parent, true);
            rotate(blocks, tree, parent, hand);
            sibling = child(blocks, parent, hand.opposite());
        }
        let near = child(blocks, sibling, hand);
        let mut far = child(blocks, sibling, hand.opposite());

        if !is_red(blocks, far) {
            // No red nephew: a red sibling makes its side as short as this one; now the paths
            // through the parent are short, and the question moves up one level.
            if !is_red(blocks, near) {
                paint(blocks, sibling, true);
                index = parent;
                parent = node(blocks, index).parent;
                continue;
            }
            // Only the near nephew is red: turned up, it stands where the sibling stood and the sibling
            // is its far child, which is the last case but for the colours, and that case paints all.
            rotate(blocks, tree, sibling, hand.opposite());
            far = sibling;
            sibling = near;
        }

        // Red far nephew: the sibling takes the parent's place and colour, the parent comes down black
        // on the short side, and the nephew turns black for the sibling that its side has lost.
        let parent_red = is_red(blocks, parent);
        paint(blocks, sibling, parent_red);
        paint(blocks, parent, false);
        paint(blocks, far, false);
        rotate(blocks, tree, parent, hand);
        return;
    }
}

/// Turns the node at `index` down to `hand`; its child of the other hand comes up in its place. The
/// priority stays as it is. Not inlined: an operation needs three at most, and it has five uses.
#[inline(never)]
fn rotate(blocks: &mut [Block], tree: &mut Tree, index: u32, hand: Hand) {
    let riser = child(blocks, index, hand.opposite());
    // What lies between the two in priority changes hands.
    let between = child(blocks, riser, hand);
    set_child(blocks, index, hand.opposite(), between);
    if between != NIL {
        node_mut(blocks, between).parent = index;
    }
    replace(blocks, tree, index, riser);
    set_child(blocks, riser, hand, index);
    node_mut(blocks, index).parent = riser;
}

/// Hangs `new` ([`NIL`] for nothing) where `old` hangs, and returns the parent of that place. The links
/// of `old` itself stay.
#[inline(always)]
fn replace(blocks: &mut [Block], tree: &mut Tree, old: u32, new: u32) -> u32 {
    let parent = node(blocks, old).parent;
    if parent == NIL {
        tree.root = new;
    } else {
        let hand = hand_of(blocks, parent, old);
        set_child(blocks, parent, hand, new);
    }
    if new != NIL {
        node_mut(blocks, new).parent = parent;
    }
    parent
}
