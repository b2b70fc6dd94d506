"""The soft prefix against PEFT itself, on both families."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from robustness.errors import InputError
from robustness.models import checkpoint as checkpoints
from robustness.storage import files
from robustness.training.alignment import prefix
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.groups import Instance

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(params=["tiny_llama", "tiny_t5"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def saved(folder: Path, out: Path) -> torch.Tensor:
    loaded = checkpoints.load(folder, device="cpu")
    made = prefix.create(loaded, virtual_tokens=5, hidden=16, seed=3)
    rows = prefix.table(made).detach().clone()
    prefix.save(made, out, "# card\n")
    return rows


def test_every_row_begins_near_the_token_that_begins_a_text(folder: Path) -> None:
    loaded = checkpoints.load(folder, device="cpu")
    made = prefix.create(loaded, virtual_tokens=5, hidden=16, seed=3)
    first = loaded.tokenizer.bos_token_id
    start = loaded.model.get_input_embeddings().weight[loaded.end if first is None else first]
    rows = prefix.table(made).detach()
    assert float((rows - start).norm(dim=1).max()) < 0.1 * float(start.norm())
    assert len(rows.unique(dim=0)) == 5


def peft_logits(folder: Path, adapter: Path, ids: list[int], answer: list[int]) -> torch.Tensor:
    """PEFT's own logits at the positions that predict the answer."""
    family = AutoModelForSeq2SeqLM if "t5" in folder.name else AutoModelForCausalLM
    model = PeftModel.from_pretrained(family.from_pretrained(folder), adapter).eval()
    with torch.no_grad():
        if "t5" in folder.name:
            begin = torch.tensor([[0, *answer[:-1]]])
            return model(input_ids=torch.tensor([ids]), decoder_input_ids=begin).logits[0]
        row = torch.tensor([[*ids, *answer[:-1]]])
        return model(input_ids=row, attention_mask=torch.ones_like(row)).logits[0, -len(answer):]


def test_logits_equal_those_of_peft_alone_and_under_right_padding(
    folder: Path, tmp_path: Path
) -> None:
    saved(folder, tmp_path / "prefix")
    loaded = checkpoints.load(folder, device="cpu")
    read = checkpoints.load_prefix("p", tmp_path / "prefix", loaded)
    forward = Forward(loaded)
    rows = [Instance((1, 40, 41, 42, 43, 44, 45), (50, 51, 2)), Instance((1, 60, 61), (52, 2))]
    with torch.no_grad():
        alone = [forward.logits([row], read.table)[0] for row in rows]
    for number, row in enumerate(rows):
        want = peft_logits(folder, tmp_path / "prefix", list(row.prompt), list(row.answer))
        torch.testing.assert_close(alone[number], want, atol=1e-5, rtol=1e-5)
    loaded.model.double()  # the random T5 has logits of several hundred
    with torch.no_grad():
        both = forward.logits(rows, read.table.double())
        alone = [forward.logits([row], read.table.double())[0] for row in rows]
    for number, row in enumerate(rows):
        torch.testing.assert_close(both[number, : len(row.answer)], alone[number])


def test_the_saved_table_is_the_trained_one_and_names_the_backbone_without_a_path(
    folder: Path, tmp_path: Path
) -> None:
    rows = saved(folder, tmp_path / "prefix")
    loaded = checkpoints.load(folder, device="cpu")
    read = checkpoints.load_prefix("p", tmp_path / "prefix", loaded)
    torch.testing.assert_close(read.table, rows, atol=0, rtol=0)
    config = files.read_json(tmp_path / "prefix" / "adapter_config.json")
    assert config["base_model_name_or_path"] == folder.name
    assert config["num_transformer_submodules"] == 1
    assert sorted(f.name for f in (tmp_path / "prefix").iterdir()) == sorted(prefix.ADAPTER_FILES)


def test_the_same_seed_makes_the_same_prefix_and_leaves_the_global_seed_alone(
    tiny_llama: Path,
) -> None:
    before = torch.random.get_rng_state()
    tables = [
        prefix.table(
            prefix.create(
                checkpoints.load(tiny_llama, device="cpu"), virtual_tokens=4, hidden=None, seed=seed
            )
        ).detach()
        for seed in (1, 1, 2)
    ]
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])
    assert torch.equal(before, torch.random.get_rng_state())


def test_positions_count_tokens_and_not_pads_on_either_side() -> None:
    embeds = torch.zeros(2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])
    _, whole, positions = prefix.apply(embeds, mask, torch.ones(2, 4))
    assert whole.tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 1, 1]]
    assert positions[0, :4].tolist() == [0, 1, 2, 3]
    assert positions[1].tolist() == [0, 1, 1, 2, 3]


def test_a_prefix_that_leaves_no_room_is_refused_with_the_numbers(tiny_llama: Path) -> None:
    loaded = checkpoints.load(tiny_llama, device="cpu")
    with pytest.raises(InputError, match=f"reads {loaded.context} tokens"):
        prefix.create(loaded, virtual_tokens=loaded.context, hidden=None, seed=1)
