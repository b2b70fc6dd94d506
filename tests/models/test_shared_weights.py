"""Weights that loaded models have in common are kept in memory once."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from robustness.models.sentence_encoder import Encoder
from robustness.models.shared_weights import share
from server.engines import build_engine
from server.settings import Settings
from tests.conftest import make_tokenizer

LAYERS = 3
TUNED = "model.layers.2.mlp.up_proj.weight"


def made(folder: Path) -> tuple[Path, Path]:
    """A random model, and the same with one weight of its last layer changed."""
    size = make_tokenizer(folder / "base", encoder_decoder=False)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=LAYERS,
        num_attention_heads=4, max_position_embeddings=128, pad_token_id=0,
    ))
    for weight in model.parameters():
        weight.data.normal_(std=0.1)
    model.save_pretrained(folder / "base")
    # Its first values are the same, and so it is found, but not shared.
    model.get_parameter(TUNED).data[-1] += 1
    model.save_pretrained(folder / "tuned")
    AutoTokenizer.from_pretrained(folder / "base").save_pretrained(folder / "tuned")
    return folder / "base", folder / "tuned"


def test_equal_weights_are_kept_once_and_both_models_compute_as_before(tmp_path: Path) -> None:
    base, tuned = (
        AutoModelForCausalLM.from_pretrained(f).eval() for f in made(tmp_path)
    )
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        before = [model(ids).logits for model in (base, tuned)]
    weights = sum(w.nbytes for w in base.parameters())
    assert share(base) == 0
    assert share(tuned) == weights - base.get_parameter(TUNED).nbytes
    places = [{n: w.data_ptr() for n, w in m.named_parameters()} for m in (base, tuned)]
    assert {n for n in places[0] if places[0][n] != places[1][n]} == {TUNED}
    # A second time there is nothing to do.
    assert share(tuned) == 0
    with torch.inference_mode():
        for model, logits in zip((base, tuned), before, strict=True):
            assert torch.equal(model(ids).logits, logits)
        # One of them may go.
        base.to("meta")
        assert torch.equal(tuned(ids).logits, before[1])


def test_an_encoder_has_the_first_layers_of_the_model_that_is_served(tmp_path: Path) -> None:
    base, tuned = made(tmp_path)
    alone = Encoder(str(base), layers=2)(["Is it good?"])
    engine = build_engine(Settings(model=str(tuned), engine="transformers")).engine
    served = {w.data_ptr() for w in engine.checkpoint.model.parameters()}  # type: ignore[attr-defined]
    encoder = Encoder(str(base), layers=2)
    own = {n for n, w in encoder._model.named_parameters() if w.data_ptr() not in served}
    assert own == set()
    np.testing.assert_array_equal(encoder(["Is it good?"]), alone)
    engine.close()
    np.testing.assert_array_equal(encoder(["Is it worse?", "Is it good?"])[1:], alone)
