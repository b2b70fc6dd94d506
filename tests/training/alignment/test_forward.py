from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from robustness.models import checkpoint as checkpoints
from robustness.models.checkpoint import Checkpoint
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.groups import Instance

ROWS = [Instance((1, 40, 41, 42, 43, 44), (50, 51, 2)), Instance((1, 60), (52, 2))]


@pytest.fixture(params=["tiny_llama", "tiny_t5"])
def loaded(request: pytest.FixtureRequest) -> Checkpoint:
    made = checkpoints.load(request.getfixturevalue(request.param), device="cpu")
    made.model.double()  # the random T5 has logits of several hundred
    return made


@torch.no_grad()
def alone(loaded: Checkpoint, row: Instance) -> torch.Tensor:
    """The model's own logits at the positions that predict one answer."""
    if loaded.encoder_decoder:
        begin = torch.tensor([[0, *row.answer[:-1]]])
        return loaded.model(
            input_ids=torch.tensor([row.prompt]), decoder_input_ids=begin
        ).logits[0]
    ids = torch.tensor([[*row.prompt, *row.answer[:-1]]])
    return loaded.model(input_ids=ids).logits[0, -len(row.answer) :]


@torch.no_grad()
def test_without_a_prefix_the_logits_are_the_models_own(loaded: Checkpoint) -> None:
    made = Forward(loaded).logits(ROWS, None)
    for number, row in enumerate(ROWS):
        torch.testing.assert_close(made[number, : len(row.answer)], alone(loaded, row))


@torch.no_grad()
def test_a_larger_width_adds_positions_that_are_masked(loaded: Checkpoint) -> None:
    forward = Forward(loaded)
    targets, mask = forward.targets(ROWS, 5)
    assert targets.tolist() == [[50, 51, 2, 0, 0], [52, 2, 0, 0, 0]]
    assert mask.tolist() == [[True] * 3 + [False] * 2, [True] * 2 + [False] * 3]
    wide, narrow = forward.logits(ROWS, None, 5), forward.logits(ROWS, None)
    assert wide.shape[:2] == (2, 5)
    torch.testing.assert_close(wide[:, :3][mask[:, :3]], narrow[mask[:, :3]])


@torch.no_grad()
def test_logits_that_a_model_caps_behind_its_head_are_capped_here_too(tiny_llama: Path) -> None:
    plain = checkpoints.load(tiny_llama, device="cpu")
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=len(plain.tokenizer), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        final_logit_softcapping=0.5, initializer_range=0.3, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )
    capped = replace(plain, model=Gemma2ForCausalLM(config).eval())
    made = Forward(capped).logits(ROWS, None)
    assert made.abs().max() <= 0.5
    for number, row in enumerate(ROWS):
        torch.testing.assert_close(made[number, : len(row.answer)], alone(capped, row))


def with_dropout(family: str, request: pytest.FixtureRequest) -> Checkpoint:
    loaded = checkpoints.load(request.getfixturevalue(family), device="cpu")
    if loaded.encoder_decoder:
        assert loaded.model.config.dropout_rate > 0
        return loaded
    config = LlamaConfig(**(loaded.model.config.to_dict() | {"attention_dropout": 0.5}))
    torch.manual_seed(0)
    return replace(loaded, model=LlamaForCausalLM(config).eval())


@torch.no_grad()
@pytest.mark.parametrize("family", ["tiny_llama", "tiny_t5"])
def test_recomputing_activations_leaves_the_models_distribution_without_dropout(
    family: str, request: pytest.FixtureRequest
) -> None:
    loaded = with_dropout(family, request)
    still = Forward(loaded).logits(ROWS, None)
    recomputed = Forward(loaded, gradient_checkpointing=True)
    assert loaded.model.training
    torch.testing.assert_close(recomputed.logits(ROWS, None), still)
