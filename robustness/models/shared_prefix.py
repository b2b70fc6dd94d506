"""Groups prompts by a shared prefix (common first tokens) that is worth computing only once.

Does not run a model; see `scorers/packed.py`.

Prompts sorted by their tokens form a trie in which each inner node is a range of neighbours with
`depth` common tokens. Computing that start once saves depth * (n - 1) tokens for its n prompts and
costs one more pass. Groups may not overlap, so nested ranges compete: nodes are closed from the
leaves to the root, and each one keeps the better of the groups found inside it and itself with what
those leave over. That is one pass over the sorted prompts, with a stack that holds the path from
the root to the current prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from robustness.models.batching import Item


@dataclass(frozen=True, slots=True)
class Shared:
    """A group of prompts with a shared prefix."""

    start: int
    """Length of the prefix in tokens; every prompt has at least one more."""
    items: list[Item]


@dataclass(frozen=True, slots=True)
class _Group:
    """A range of sorted prompts that share `depth` tokens, less the groups inside the range."""

    depth: int
    left: int
    right: int
    count: int
    saved: float


@dataclass(slots=True)
class _Node:
    """A range of sorted prompts with `depth` common tokens, open to the right."""

    depth: int
    left: int
    groups: list[_Group] = field(default_factory=list)
    """The best groups found inside the range."""

    def close(self, right: int, overhead: float) -> None:
        """Adds the whole range as a group, if that saves tokens.

        A group inside stays separate where its longer prefix saves more than joining would.
        """
        kept = [g for g in self.groups if g.saved > self.depth * g.count]
        count = right - self.left - sum(g.count for g in kept)
        saved = self.depth * (count - 1) - overhead
        if sum(g.saved for g in kept) + saved > sum(g.saved for g in self.groups):
            self.groups = [*kept, _Group(self.depth, self.left, right, count, saved)]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Number of common first tokens, at most one less than the shorter prompt has."""
    low, high = 0, min(len(one), len(other)) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _chosen(ordered: Sequence[Item], overhead: float) -> list[_Group]:
    """Closes the inner nodes of the sorted prompts' trie, children before parents."""
    # Depths grow from the bottom of the stack to its top; the root has depth 0 and stays.
    nodes = [_Node(0, 0)]
    for right in range(1, len(ordered) + 1):
        # `depth` tokens are common to the prompts on both sides of `right`; deeper nodes end here.
        inside = right < len(ordered)
        depth = _common(ordered[right - 1].ids, ordered[right].ids) if inside else 0
        fresh = _Node(depth, right - 1)
        while nodes[-1].depth > depth:
            closed = nodes.pop()
            closed.close(right, overhead)
            fresh.left = closed.left
            # The parent is the node below on the stack, or one that begins where the child began.
            into = nodes[-1] if nodes[-1].depth >= depth else fresh
            into.groups += closed.groups
        if nodes[-1].depth < depth:
            nodes.append(fresh)
    return nodes[0].groups


def shared_starts(items: Sequence[Item], overhead: float) -> list[Shared]:
    """The groups that save the most tokens; prompts that share too little form one with start 0.

    Sorted prompts with a shared prefix are neighbours, so the candidates are the inner nodes of
    their trie.

    Args:
        items: Prompts in any order.
        overhead: Cost of one more pass through the model, in tokens.
    """
    ordered = sorted(items, key=lambda item: item.ids)
    # Wide ranges first, so that the groups inside them take their prompts back.
    groups = sorted(_chosen(ordered, overhead), key=lambda g: g.left - g.right)
    owners = [-1] * len(ordered)
    for number, group in enumerate(groups):
        owners[group.left : group.right] = [number] * (group.right - group.left)
    made = [Shared(group.depth, []) for group in groups]
    rest = Shared(0, [])
    for item, owner in zip(ordered, owners, strict=True):
        (rest if owner < 0 else made[owner]).items.append(item)
    return [*made, rest] if rest.items else made
