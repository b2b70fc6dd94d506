from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustness.errors import InputError
from robustness.models import checkpoint as checkpoints
from robustness.models.checkpoint import Checkpoint
from robustness.models.scorers import Scorer, scorer_of
from robustness.training.alignment import development
from robustness.training.alignment.groups import Pool
from robustness.types import Example, Instruction, TaskType

OPTIONS = ("food", "sport", "music")
INPUTS = {
    "topic": [
        Example(
            task="topic", fields={"text": f"The {w} sentence."}, options=OPTIONS,
            answer=OPTIONS[n % 3],
        )
        for n, w in enumerate(("red", "happy", "calm", "angry", "sad"))
    ]
}
ASKED = [
    Instruction(text=text, collection="c", task_type=TaskType.MC, task="topic", label_words=words)
    for text, words in (
        ("Choose one: {text}", {}),
        ("Options of {text}", {}),
        ("Is it food? {text}", {"food": "yes", "sport": "no", "music": "true"}),
    )
]


@pytest.fixture
def loaded(tiny_llama: Path) -> Checkpoint:
    return checkpoints.load(tiny_llama, device="cpu")


@pytest.fixture
def pool(loaded: Checkpoint) -> Pool:
    return Pool(
        tokenizer=loaded.tokenizer, end=(loaded.end,), context=loaded.context, examples={},
        observed={}, paraphrases={}, seed=1,
    )


def prompt(pool: Pool, cell: development.EvaluationPrompt) -> str:
    text: str = pool.tokenizer.decode(cell.prompt, skip_special_tokens=True)
    return text


def test_cells_are_drawn_evenly_over_instructions_and_repeat(pool: Pool) -> None:
    cells = development.draw(pool, ASKED, INPUTS, 12, 5)
    starts = Counter(prompt(pool, cell).split(" ")[0] for cell in cells)
    assert starts == {"Choose": 4, "Options": 4, "Is": 4}
    assert development.draw(pool, ASKED, INPUTS, 12, 5) == cells
    assert development.draw(pool, ASKED, INPUTS, 12, 6) != cells


def test_no_pair_is_drawn_twice(pool: Pool) -> None:
    cells = development.draw(pool, ASKED, INPUTS, 768, 5)
    assert len(cells) == len(set(cells)) == len(ASKED) * len(INPUTS["topic"])


def test_a_cell_has_its_options_and_the_gold_among_them(pool: Pool) -> None:
    known = {str(e.fields["text"]): e for e in INPUTS["topic"]}
    for cell in development.draw(pool, ASKED, INPUTS, 9, 0):
        words = [pool.tokenizer.decode(option[:-1]) for option in cell.options]
        assert words == (["yes", "no", "true"] if "Is it" in prompt(pool, cell) else [*OPTIONS])
        assert all(option[-1:] == pool.end for option in cell.options)
        (example,) = (e for text, e in known.items() if text in prompt(pool, cell))
        assert OPTIONS[cell.gold] == example.answer


def test_what_has_no_inputs_or_does_not_fit_is_left_out(pool: Pool) -> None:
    other = replace(ASKED[0], task="mood", id="")
    assert development.draw(pool, [other], INPUTS, 5, 0) == []
    long = replace(ASKED[1], text="Options " * 600 + "{text}", id="")
    cells = development.draw(pool, [other, ASKED[0], long], INPUTS, 6, 0)
    assert len(cells) == 3
    assert all(prompt(pool, cell).startswith("Choose") for cell in cells)


@torch.no_grad()
def by_hand(loaded: Checkpoint, cell: development.EvaluationPrompt) -> torch.Tensor:
    """Log-probability of each option, (C,), one unpadded forward pass each."""
    sums = []
    for option in cell.options:
        row = torch.tensor([[*cell.prompt, *option]])
        logprobs = loaded.model(input_ids=row).logits[0].log_softmax(-1)
        at = range(len(cell.prompt) - 1, row.shape[1] - 1)
        sums.append(sum(logprobs[n, row[0, n + 1]] for n in at))
    return torch.stack(sums)


def scorer(loaded: Checkpoint, batch_tokens: int | None = None) -> Scorer:
    return scorer_of(loaded, layer=-1, batch_tokens=batch_tokens).scorer


@pytest.mark.parametrize("batch_tokens", [1, 64, None])
def test_a_score_is_the_share_and_surprise_of_gold_options(
    loaded: Checkpoint, pool: Pool, batch_tokens: int | None
) -> None:
    cells = development.draw(pool, ASKED, INPUTS, 10, 1)
    made = development.score(scorer(loaded, batch_tokens), cells, None)
    options = [by_hand(loaded, cell) for cell in cells]
    right = [int(o.argmax()) == c.gold for o, c in zip(options, cells, strict=True)]
    surprise = [
        -float(o.log_softmax(0)[c.gold]) for o, c in zip(options, cells, strict=True)
    ]
    assert 0 < sum(right) < 10
    assert made.accuracy == sum(right) / 10
    assert made.cross_entropy == pytest.approx(sum(surprise) / 10, rel=1e-4)
    assert made.cells == 10


def test_a_prefix_changes_the_score(loaded: Checkpoint, pool: Pool) -> None:
    cells = development.draw(pool, ASKED, INPUTS, 6, 1)
    table = torch.randn(4, 32, generator=torch.Generator().manual_seed(1))
    plain, prefixed = (development.score(scorer(loaded), cells, p) for p in (None, table))
    assert plain.cross_entropy != pytest.approx(prefixed.cross_entropy, rel=1e-3)


def test_the_score_of_no_cells_is_an_error(loaded: Checkpoint) -> None:
    with pytest.raises(InputError, match="no instruction of the evaluation set"):
        development.score(scorer(loaded), [], None)
