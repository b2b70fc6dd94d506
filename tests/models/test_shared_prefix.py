import random
import time

from robustness.models.batching import Item
from robustness.models.shared_prefix import Shared, shared_starts


def items(*rows: list[int]) -> list[Item]:
    return [Item(n, ids, []) for n, ids in enumerate(rows)]


def saved(groups: list[Shared], overhead: float) -> float:
    return sum(g.start * (len(g.items) - 1) - overhead for g in groups if g.start)


def best(rows: list[list[int]], overhead: float) -> float:
    """The most that any partition of the sorted rows into neighbours saves."""
    ordered = sorted(rows)
    found = [0.0] * (len(ordered) + 1)
    for right in range(1, len(ordered) + 1):
        found[right] = found[right - 1]
        for left in range(right - 1):
            part = ordered[left:right]
            depth = next(
                (n for n, column in enumerate(zip(*part, strict=False)) if len(set(column)) > 1),
                min(map(len, part)),
            )
            depth = min(depth, min(map(len, part)) - 1)
            found[right] = max(found[right], found[left] + depth * (len(part) - 1) - overhead)
    return found[-1]


def test_prompts_of_an_instruction_are_one_group_and_strangers_are_left_together() -> None:
    one, other = list(range(10, 40)), list(range(50, 90))
    made = shared_starts(
        items([*one, 1], [7, 8], [*other, 2], [*one, 3, 4], [*other, 5], [9]), overhead=8
    )
    assert {(g.start, frozenset(i.position for i in g.items)) for g in made} == {
        (30, frozenset({0, 3})), (40, frozenset({2, 4})), (0, frozenset({1, 5})),
    }


def test_a_start_that_saves_less_than_a_pass_costs_is_not_shared() -> None:
    assert [g.start for g in shared_starts(items([1, 2, 3], [1, 2, 4]), overhead=8)] == [0]


def test_every_prompt_keeps_a_token_of_its_own() -> None:
    same = [5] * 20
    made = shared_starts(items(same, same, [5] * 12, same), overhead=1)
    assert all(g.start < len(i.ids) for g in made for i in g.items)
    assert sorted(i.position for g in made for i in g.items) == [0, 1, 2, 3]
    assert any(g.start for g in made)


def test_the_choice_among_nested_starts_saves_the_most() -> None:
    draw = random.Random(0)
    for _ in range(200):
        rows = [[draw.randint(0, 1) for _ in range(draw.randint(1, 9))] for _ in range(9)]
        made = shared_starts(items(*rows), overhead=2)
        assert sorted(i.position for g in made for i in g.items) == list(range(9))
        for group in made:
            assert len({tuple(i.ids[: group.start]) for i in group.items}) == 1
        assert saved(made, 2) >= best(rows, 2)


def test_long_chains_of_starts_are_grouped_quickly() -> None:
    start = time.perf_counter()
    shared_starts(items(*([1] * n for n in range(1, 3000))), overhead=24)
    assert time.perf_counter() - start < 5
