from robustness.models.batching import Item, grouped, padded


def item(position: int, length: int) -> Item:
    return Item(position, [1] * length, [])


def test_groups_stay_within_the_budget_and_hold_every_prompt_once() -> None:
    items = [item(n, length) for n, length in enumerate([3, 50, 7, 7, 12, 1])]
    groups = list(grouped(items, 2, 30))
    assert sorted(i.position for g in groups for i in g) == list(range(6))
    for group in groups:
        padded_tokens = len(group) * (2 + max(len(i.ids) for i in group))
        assert len(group) == 1 or padded_tokens <= 30


def test_padding_is_on_the_right_and_masked() -> None:
    ids, mask = padded([[5, 6], [7]])
    assert ids.tolist() == [[5, 6], [7, 0]]
    assert mask.tolist() == [[1, 1], [1, 0]]
