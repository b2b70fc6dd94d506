import random

import pytest

from robustness.storage import cell_lists


@pytest.mark.parametrize("seed", range(20))
def test_what_is_joined_is_split_again(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(200):
        values = tuple(
            "".join(draw.choices("ab|\\", k=draw.randint(1, 6)))
            for _ in range(draw.randint(1, 5))
        )
        assert cell_lists.split(cell_lists.join(values)) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("good|bad", ("good", "bad")), (" good | bad |", ("good", "bad")),
        (r"a\|b|c", ("a|b", "c")), (r"C:\x|D:\\y", (r"C:\x", r"D:\\y")), ("", ()),
        ("a\\\\|b", ("a\\", "b")),
    ],
)
def test_a_mark_behind_a_backslash_is_text(text: str, values: tuple[str, ...]) -> None:
    assert cell_lists.split(text) == values
