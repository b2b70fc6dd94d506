"""Differences of tiny random models: written, read, put on, refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from robustness import cli, paths
from robustness.data import test_set_log
from robustness.data.tasks import Task
from robustness.errors import CorruptFileError, InputError, MismatchError, StorageError
from robustness.models import adapters, difference, packaged, papers
from robustness.models.checkpoint import weights_digest
from robustness.models.difference import Form
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.training import looks
from robustness.training.tuning import difference as making
from robustness.types import Prompt
from server.engines import build_engine
from server.settings import Settings


def silent(what: str, done: int, total: int) -> None:
    """Reports nothing."""


@pytest.fixture
def base(tiny_llama: Path, tmp_path: Path) -> Path:
    """The pretrained model, in float16."""
    out = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float16).save_pretrained(out)
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(out)
    return out


@pytest.fixture
def tuned(base: Path, tmp_path: Path) -> Path:
    """Its first two layers, the second and the norm changed, as `backbone tune` leaves them."""
    out = tmp_path / "tuned"
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.model.layers = model.model.layers[:2]
    model.config.num_hidden_layers = 2
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in (*model.model.layers[1].parameters(), *model.model.norm.parameters()):
            parameter += 0.02 * torch.randn_like(parameter)
    model.to(torch.float16).save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)
    files.write_json(out / "training.json", {"schema": 1, "base": weights_digest(base)})
    return out


@pytest.fixture
def made(tuned: Path, base: Path, places: Task, tmp_path: Path) -> Path:
    out = tmp_path / "tiny-tuned"
    making.make(tuned, base, out, inputs=4, tasks=[places], report=silent)
    return out


def test_a_difference_and_its_base_give_the_tuned_model(
    made: Path, base: Path, tuned: Path, tmp_path: Path
) -> None:
    record = files.read_json(made / difference.RECORD, schema=difference.SCHEMA)
    steps: list[int] = []
    out = difference.applied(
        made, base, tmp_path / "cache" / "tiny-tuned", report=lambda _, done, __: steps.append(done)
    )
    assert steps == [0, 1, 2, 3]
    assert files.file_hash(out / "model.safetensors") == record["result"]["hash"]
    wanted, found = load_file(tuned / "model.safetensors"), load_file(out / "model.safetensors")
    assert wanted.keys() == found.keys()
    unchanged = [n for n in wanted if "layers.0." in n or "embed" in n]
    assert unchanged and all(torch.equal(wanted[n], found[n]) for n in unchanged)
    assert torch.equal(wanted["model.norm.weight"], found["model.norm.weight"])
    assert 0 < record["loss"]["weights"] < 0.01
    assert record["loss"]["answers"] == 16 and record["loss"]["logprobs"] < 0.02
    # The tokenizer is the base's, and what was recorded of the tuning lies beside the weights.
    assert files.read_json(out / "training.json", schema=1)["base"] == weights_digest(base)
    engine = TransformersEngine(out, prefixes={})
    (info,) = engine.models()
    assert info.id == "tiny-tuned" and engine.checkpoint.layers == 2
    prompt = Prompt(
        text="Hello", options=("yes", "no"), instruction_id="", example_id=""
    )
    (reading,) = engine.read(info.id, [prompt])
    assert len(reading.option_logprobs) == 2
    engine.close()


def test_it_is_put_on_once_and_again_after_another_one_was_made(
    made: Path, base: Path, tuned: Path, places: Task, tmp_path: Path
) -> None:
    out = difference.applied(made, base, tmp_path / "cache" / "tiny-tuned")
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert difference.applied(made, Path("no base is needed"), out) == out
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    making.make(
        tuned, base, made, form=Form.LOW_RANK, rank=2, inputs=2, tasks=[places], report=silent
    )
    difference.applied(made, base, out)
    assert (out / "model.safetensors").stat().st_mtime_ns != before
    assert [p.name for p in out.parent.iterdir()] == ["tiny-tuned"]


def test_a_higher_rank_loses_less_and_takes_more(
    tuned: Path, base: Path, places: Task, tmp_path: Path
) -> None:
    found = [
        making.make(
            tuned, base, tmp_path / f"rank-{rank}", form=Form.LOW_RANK, rank=rank, inputs=2,
            tasks=[places], report=silent,
        )
        for rank in (1, 4, 12)
    ]
    errors = [r["loss"].weights for r in found]
    assert errors == sorted(errors, reverse=True) and 0.5 < errors[0] < 1
    sizes = [r["bytes"] for r in found]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("rank", [8, 12])
def test_the_product_of_a_low_rank_form_has_a_matrix_of_that_rank(rank: int) -> None:
    torch.manual_seed(0)
    base = {"w": torch.zeros(40, 60)}
    tuned = {"w": torch.randn(40, rank) @ torch.randn(rank, 60)}
    parts = making.encode(base, tuned, Form.LOW_RANK, rank)
    made = difference.decode(base, parts, ["w"])
    assert making.weight_errors(base, tuned, made)[0] < 0.02
    # Sums in integers do not depend on their order, and so not on the machine.
    turned = {k: v.flip(1) if k == "w:left" else v.flip(0) if k == "w:right" else v
              for k, v in parts.items()}
    assert torch.equal(difference.decode(base, turned, ["w"])["w"], made["w"])


def test_another_base_is_refused(made: Path, base: Path, tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=r"are not those that .* was taken from.*--base"):
        difference.applied(made, tiny_llama, tmp_path / "cache" / "out")
    assert not (tmp_path / "cache").exists()


def test_a_model_tuned_from_another_base_is_refused(
    tuned: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    with pytest.raises(MismatchError, match="was tuned from a model whose weights"):
        making.make(tuned, tiny_llama, tmp_path / "out", report=silent)


def test_a_changed_file_is_found(made: Path, base: Path, tmp_path: Path) -> None:
    parts = load_file(made / difference.PARTS)
    save_file({**parts, "more": torch.zeros(1)}, made / difference.PARTS)
    with pytest.raises(CorruptFileError, match="is not the file that was written"):
        difference.applied(made, base, tmp_path / "out")


def test_a_result_with_another_hash_is_not_kept(made: Path, base: Path, tmp_path: Path) -> None:
    record = files.read_object(made / difference.RECORD)
    record["result"]["hash"] = 64 * "0"
    files.write_json(made / difference.RECORD, record)
    with pytest.raises(CorruptFileError, match="gives other weights"):
        difference.applied(made, base, tmp_path / "cache" / "out")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_in_use_is_kept(made: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="in use for something else"):
        difference.applied(made, base, out)


def test_what_is_too_large_is_not_written(
    tuned: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "LARGEST", 1000)
    with pytest.raises(InputError, match=r"has 0\.0 MB, at most 0 may ship.*--rank"):
        making.make(tuned, base, tmp_path / "out", report=silent)
    assert not (tmp_path / "out" / difference.PARTS).exists()


def test_equal_models_have_no_difference(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no difference"):
        making.make(base, base, tmp_path / "out", report=silent)


def test_adapters_ship_beside_a_difference_for_the_model_that_it_gave(
    made: Path, base: Path, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ASSETS", made.parent)
    adapter = made / "prefixes" / "pt-kl"
    files.write_json(adapter / "adapter_config.json", {"peft_type": "PROMPT_TUNING"})
    out = difference.applied(made, base, tmp_path / "cache" / "tiny-tuned")
    assert adapters.shipped(out) == {"pt-kl": adapter}
    assert papers.folder_of(out) == made
    # Another model of this name has none.
    other = tmp_path / "other" / "tiny-tuned"
    shutil.copytree(tuned, other)
    assert adapters.shipped(other) == {}
    assert papers.folder_of(other) == other


def test_a_look_is_noted_beside_the_difference_that_ships(
    made: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ASSETS", made.parent)
    out = difference.applied(made, base, tmp_path / "cache" / "tiny-tuned")
    looks.note(out, ["tiny-tuned", "tiny-tuned+pt-kl"], "a check")
    first, second = test_set_log.read_log(made)
    assert (first.model, second.model, first.what) == ("tiny-tuned", "tiny-tuned+pt-kl", "a check")
    assert first.weights == files.file_hash(out / difference.WEIGHTS)
    assert test_set_log.read_log(out) == []


def test_a_look_at_a_model_that_was_not_trained_here_is_not_noted(tiny_llama: Path) -> None:
    looks.note(tiny_llama, ["tiny-llama"], "a check")
    assert test_set_log.read_log(tiny_llama) == []


@pytest.fixture
def as_packaged(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base takes the place of the packaged model."""
    fetch: Callable[..., Path] = lambda **_: base  # noqa: E731
    monkeypatch.setattr(packaged, "fetch", fetch)


@pytest.mark.slow
@pytest.mark.usefixtures("as_packaged")
def test_the_commands_and_model_options_take_a_difference(
    made: Path, tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(a) for a in arguments])
        assert not ended.value.code
        return capsys.readouterr().out

    told = json.loads(run("backbone", "difference", "apply", made, "--json"))
    assert told["folder"] == str(packaged.cache_folder() / "tiny-tuned")
    shown = run(
        "index", "build", "--model", made, "--tasks", "place", "--indexes", tmp_path / "indexes",
        "--prompt-format", "none",
    )
    assert "tiny-tuned: " in shown
    built = build_engine(Settings(model=str(made), engine="transformers"))
    assert [m.id for m in built.engine.models()] == ["tiny-tuned"]
    built.engine.close()


@pytest.mark.slow
def test_the_command_says_size_and_loss(
    tuned: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(
            ["backbone", "difference", "make", str(tuned), "--base", str(base), "--out",
             str(tmp_path / "out"), "--form", "low-rank", "--rank", "4", "--inputs", "1"]
        )
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert "low-rank 4: " in shown and "% of answers change" in shown
