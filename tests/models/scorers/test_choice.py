import logging
from collections.abc import Sequence
from functools import partial, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig

from robustness.models import checkpoint
from robustness.models.checkpoint import Checkpoint
from robustness.models.scorers import conditions, scorer_of, self_check
from robustness.models.scorers.continued import ContinuedScorer
from robustness.models.scorers.self_check import SelfCheck, Values
from robustness.models.scorers.unpadded import UnpaddedScorer
from robustness.models.soft_prompts import Front
from robustness.models.transformers_engine import TransformersEngine
from tests.models.test_transformers_engine import PROMPTS

choose = partial(scorer_of, layer=-2, batch_tokens=512)


@pytest.fixture
def llama(tiny_llama: Path) -> Checkpoint:
    return checkpoint.load(tiny_llama, device="cpu")


@pytest.fixture
def t5(tiny_t5: Path) -> Checkpoint:
    return checkpoint.load(tiny_t5, device="cpu")


def change(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """The model gets other arguments than it is called with: a function of each, or left out."""
    forward = loaded.model.forward

    @wraps(forward)
    def other(**arguments: Any) -> Any:
        for name, make in changed.items():
            if name in arguments:
                arguments[name] = make(arguments[name])
        return forward(**arguments)

    monkeypatch.setattr(loaded.model, "forward", other)


def test_a_model_that_takes_positions_and_masks_as_given_is_scored_packed(
    llama: Checkpoint,
) -> None:
    front = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    chosen = choose(llama, fronts=[front])
    assert chosen.scorer.name == "packed"
    assert chosen.reason is None


def test_a_model_that_counts_positions_itself_is_scored_padded_and_told_so(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As MPT and GPT-Neo do: a token's position is its slot.
    change(llama, monkeypatch, position_ids=lambda given: None)
    chosen = choose(llama)
    assert chosen.scorer.name == "padded"
    assert "not packed: on a few tokens" in str(chosen.reason)
    assert "nats off" in str(chosen.reason)
    assert "not continued:" in str(chosen.reason)


def test_a_model_that_refuses_the_packed_mask_continues_options_behind_padded_prompts(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flat(mask: torch.Tensor | None) -> torch.Tensor | None:
        if mask is not None and mask.ndim == 4:
            raise ValueError("too many dimensions")
        return mask

    change(llama, monkeypatch, attention_mask=flat)
    chosen = choose(llama)
    assert chosen.scorer.name == "continued"
    assert "(ValueError: too many dimensions)" in str(chosen.reason)


def test_a_model_whose_rows_depend_on_each_other_is_scored_one_option_at_a_time(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(module: Any, given: Any, made: torch.Tensor) -> torch.Tensor:
        return made + 0.1 * made.mean(dim=0, keepdim=True) * (len(made) > 1)

    llama.model.get_input_embeddings().register_forward_hook(mixed)
    chosen = choose(llama)
    assert chosen.scorer.name == "one at a time"
    assert "not padded: on a few tokens" in str(chosen.reason)


def test_an_encoder_that_ignores_its_mask_is_scored_one_option_at_a_time(
    t5: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(t5).reason is None
    encoder = t5.model.get_encoder()
    forward = encoder.forward
    monkeypatch.setattr(
        encoder, "forward", lambda attention_mask=None, **given: forward(**given)
    )
    chosen = choose(t5)
    assert chosen.scorer.name == "one at a time"
    assert "not encoder-decoder: on a few tokens" in str(chosen.reason)


def test_a_fault_that_only_a_soft_prefix_shows_counts(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    front: Front = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    check = SelfCheck(llama, UnpaddedScorer(llama, layer=-2), [front])
    scorer = ContinuedScorer(llama, layer=-2, batch_tokens=512)
    assert check.fault(scorer) is None
    read = scorer.read
    monkeypatch.setattr(scorer, "read", lambda items, before: read(items, None))
    assert "behind a soft prefix" in str(check.fault(scorer))


def test_the_check_has_uneven_prompts_a_shared_start_and_options_of_several_lengths(
    llama: Checkpoint,
) -> None:
    items = self_check.prompts(llama)
    assert len({len(item.ids) for item in items}) == len(items)
    assert items[0].ids[:5] == items[1].ids[:5] != items[2].ids[:5]
    assert {len(option) for item in items for option in item.options} == {1, 2, 3}
    special = set(llama.tokenizer.all_special_ids)
    used = {token for i in items for row in (i.ids, *i.options) for token in row}
    assert not used & special
    assert max(used) < 320


def test_the_check_is_the_same_each_time_and_leaves_chance_alone(llama: Checkpoint) -> None:
    state = torch.random.get_rng_state()
    assert self_check.prompts(llama) == self_check.prompts(llama)
    choose(llama)
    assert torch.equal(state, torch.random.get_rng_state())


def test_what_differs_beyond_rounding_is_told_in_nats_or_shares() -> None:
    def one(logprob: float, value: float) -> Sequence[Values]:
        return [Values([-2.0, logprob], np.array([3.0, value], dtype=np.float32))]

    allowed = self_check.tolerance(torch.float32)
    assert self_check.difference(one(-1.00005, 4.0), one(-1.0, 4.0), allowed) is None
    assert "0.01 nats" in str(self_check.difference(one(-1.01, 4.0), one(-1.0, 4.0), allowed))
    assert "2% of its length" in str(
        self_check.difference(one(-1.0, 4.1), one(-1.0, 4.0), allowed)
    )
    assert self_check.tolerance(torch.bfloat16) > self_check.tolerance(torch.float16) > allowed


def rotary(**parameters: Any) -> Any:
    rotation = {"rope_theta": 10000.0} | parameters
    config = LlamaConfig(rope_parameters=rotation, num_hidden_layers=2)
    model = SimpleNamespace(config=config)
    return SimpleNamespace(model=model, encoder_decoder=False, context=2048)


@pytest.mark.parametrize(
    ("parameters", "switch"),
    [
        ({"rope_type": "default"}, None),
        ({"rope_type": "linear", "factor": 2.0}, None),
        ({"rope_type": "dynamic", "factor": 2.0}, 2048),
        ({
            "rope_type": "longrope", "factor": 2.0, "short_factor": [1.0] * 64,
            "long_factor": [2.0] * 64, "original_max_position_embeddings": 1024,
        }, 1024),
    ],
)
def test_a_rotation_that_changes_with_the_length_is_a_stated_condition(
    parameters: dict[str, Any], switch: int | None
) -> None:
    made = rotary(**parameters)
    assert conditions.rotation_switch(made) == switch
    reason = conditions.apart(made)
    assert (reason is None) == (switch is None)
    assert switch is None or parameters["rope_type"] in str(reason)


@pytest.mark.parametrize(
    ("setting", "word"),
    [({"expert_capacity": 64}, "experts"), ({"attention_type": "block_sparse"}, "padded")],
)
def test_what_makes_rows_depend_on_their_batch_is_a_stated_condition(
    t5: Checkpoint, setting: dict[str, Any], word: str
) -> None:
    t5.model.config.update(setting)
    chosen = choose(t5)
    assert chosen.scorer.name == "one at a time"
    assert word in str(chosen.reason)


def test_the_engine_tells_the_scorer_of_each_model_and_logs_why_it_is_slower(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = TransformersEngine(tiny_llama, device="cpu").models()[0]
    assert (told.scorer, told.slower) == ("packed", None)
    assert not caplog.records
    monkeypatch.setattr(conditions, "window", lambda checkpoint: "it has a window")
    with caplog.at_level(logging.WARNING):
        engine = TransformersEngine(tiny_llama, device="cpu")
    told = engine.models()[0]
    assert told.scorer == "padded"
    assert "not packed: it has a window" in str(told.slower)
    assert "tiny-llama: options are scored by the padded scorer" in caplog.text
    fast = TransformersEngine(tiny_llama, device="cpu", share_starts=False)
    for one, other in zip(
        engine.read("tiny-llama", PROMPTS), fast.read("tiny-llama", PROMPTS), strict=True
    ):
        np.testing.assert_allclose(one.option_logprobs, other.option_logprobs, rtol=1e-4)
