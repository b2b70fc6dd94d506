"""Final norm and output head by themselves give what the whole model gives."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from robustness.models import checkpoint
from server.engines.vllm_ends import Ends
from tests.models.scorers import test_parity as parity

NORMS = {
    "llama": "norm", "qwen3": "norm", "granite": "norm", "gemma": "norm", "gemma2": "norm",
    "gpt2": "ln_f", "opt": "decoder.final_layer_norm", "cohere": "norm",
}


@pytest.mark.parametrize("kind", NORMS)
def test_the_ends_give_the_scores_of_the_whole_model(kind: str, tmp_path: Path) -> None:
    made = next(a for a in parity.ARCHITECTURES if a.kind == kind)
    if kind == "granite":
        made = parity.Architecture(kind, "packed", made.settings | {
            "embedding_multiplier": 3.0, "logits_scaling": 2.0,
        })
    folder = parity.make_model(made, tmp_path / kind)
    whole = AutoModelForCausalLM.from_pretrained(folder).eval()
    taken: list[torch.Tensor] = []
    norm = whole.base_model.get_submodule(NORMS[kind])
    norm.register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    ids = torch.tensor([[1, *range(40, 340 - 40)]])
    with torch.no_grad():
        wanted = whole(input_ids=ids).logits[0].log_softmax(-1)
    ends = Ends(checkpoint.load(folder, device="cpu", ends_only=True).model)
    rows = list(ends.scores(taken[0][0]))
    torch.testing.assert_close(torch.stack(rows), wanted, rtol=0, atol=1e-5)
    picked = ends.picked(taken[0][0], ids[0])
    torch.testing.assert_close(picked, wanted.gather(1, ids.T)[:, 0], rtol=0, atol=1e-5)
