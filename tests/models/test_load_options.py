"""Options for loading a model: revisions, pickles, remote code, devices."""

import hashlib
import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from transformers import AutoModelForCausalLM

from robustness import cli
from robustness.data.tasks import Task
from robustness.errors import InputError, MismatchError, NotFoundError
from robustness.index import saved_index
from robustness.index.observed_index import IndexRecipe
from robustness.models import checkpoint, placement
from robustness.models.load_options import Loading
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import index_service
from robustness.types import Instruction
from server.options import settings_from

HUB_NAME = "somebody/tiny"
FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def hub(tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache with two commits of a model, of which `main` is the second; no network."""
    cache = tmp_path / "hub"
    kept = cache / "models--somebody--tiny"
    for commit in (FIRST, SECOND):
        shutil.copytree(tiny_llama, kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(SECOND)
    (kept / "refs" / "v1").write_text(FIRST)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return kept


@pytest.mark.parametrize(
    ("asked", "commit"), [(None, SECOND), ("main", SECOND), ("v1", FIRST), (FIRST, FIRST)]
)
def test_a_hubs_model_is_known_by_its_commit(hub: Path, asked: str | None, commit: str) -> None:
    loaded = checkpoint.load(HUB_NAME, loading=Loading(revision=asked, device="cpu"))
    assert (loaded.id, loaded.revision) == ("tiny", commit)


def test_the_index_of_another_commit_is_refused(
    hub: Path, tmp_path: Path, topics: Task, observed: list[Instruction]
) -> None:
    own = [i for i in observed if i.task == topics.id][:3]
    engine = TransformersEngine(HUB_NAME, loading=Loading(revision="v1", device="cpu"))
    index_service.build(engine, tmp_path, own, [topics], recipe=IndexRecipe(inputs=2, measured=2))
    manifest = json.loads((tmp_path / "tiny" / "original" / saved_index.MANIFEST).read_text())
    assert manifest["spec"]["revision"] == FIRST
    later = TransformersEngine(HUB_NAME, device="cpu")
    with pytest.raises(MismatchError, match=f"revision '{FIRST}', the model has '{SECOND}'"):
        index_service.info(later, tmp_path)


def test_a_folder_has_no_revision(tiny_llama: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        checkpoint.load(tiny_llama, loading=Loading(revision="main"))


def test_a_name_that_is_not_there_is_said_so(hub: Path) -> None:
    with pytest.raises(NotFoundError, match="somebody/else"):
        checkpoint.load("somebody/else")


@pytest.fixture
def pickled(tmp_path: Path, tiny_llama: Path) -> Path:
    """A model whose weights are in `pytorch_model.bin` alone."""
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_llama, folder)
    (folder / "model.safetensors").unlink()
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_pickled_weights_are_read_only_where_the_user_insists(
    pickled: Path, tiny_llama: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wanted = r"pytorch_model\.bin.*save them as safetensors.*--allow-pickle"
    with pytest.raises(InputError, match=wanted):
        checkpoint.load(pickled, device="cpu")
    with pytest.raises(SystemExit) as ended:
        cli.main(["index", "info", "--model", str(pickled), "--indexes", str(tmp_path)])
    assert ended.value.code == 2
    assert "--allow-pickle" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(
            ["index", "info", "--allow-pickle", "--model", str(pickled), "--indexes", str(tmp_path)]
        )
    assert "has no observed index" in capsys.readouterr().err
    loaded = checkpoint.load(pickled, loading=Loading(device="cpu", allow_pickle=True))
    same = checkpoint.load(tiny_llama, device="cpu")
    for name, weights in same.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weights)
    digest = hashlib.sha256((pickled / "pytorch_model.bin").read_bytes()).hexdigest()
    assert loaded.revision == hashlib.sha256(digest.encode()).hexdigest()[:16]


def test_pickled_weights_of_a_hub_are_refused_too(hub: Path, pickled: Path) -> None:
    snapshot = hub / "snapshots" / SECOND
    shutil.rmtree(snapshot)
    shutil.copytree(pickled, snapshot)
    with pytest.raises(InputError, match="--allow-pickle"):
        checkpoint.load(HUB_NAME, device="cpu")
    assert checkpoint.load(HUB_NAME, loading=Loading(allow_pickle=True)).revision == SECOND


CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM

Path({marker!r}).touch()


class OwnConfig(LlamaConfig):
    model_type = "own"


class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def with_code(tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of a type of its own, whose Python code leaves a mark when it runs."""
    folder = tmp_path / "with-code"
    shutil.copytree(tiny_llama, folder)
    (folder / "own.py").write_text(CODE.format(marker=str(tmp_path / "ran")))
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )
    return folder


def test_code_beside_the_weights_runs_only_where_the_user_trusts_it(
    with_code: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"Python code from its repository.*--trust-remote-code"):
        checkpoint.load(with_code, device="cpu")
    assert not checkpoint.is_encoder_decoder(with_code)
    assert not (tmp_path / "ran").exists()
    loaded = checkpoint.load(with_code, loading=Loading(device="cpu", trust_remote_code=True))
    assert (tmp_path / "ran").exists()
    assert type(loaded.model).__name__ == "OwnModel"


def test_a_known_type_is_loaded_without_the_code_that_it_brings(
    with_code: Path, tmp_path: Path
) -> None:
    config = json.loads((with_code / "config.json").read_text()) | {"model_type": "llama"}
    (with_code / "config.json").write_text(json.dumps(config))
    assert type(checkpoint.load(with_code, device="cpu").model).__name__ == "LlamaForCausalLM"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted"),
    [(True, False, "cuda"), (True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_device_is_the_best_there_is(
    cuda: bool, mps: bool, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert placement.pick_device("auto").type == wanted
    assert placement.pick_device("cpu").type == "cpu"
    for name, there in (("cuda:0", cuda), ("mps", mps)):
        if there:
            assert placement.pick_device(name) == torch.device(name)
        else:
            with pytest.raises(InputError, match=f"--device {name}: this machine has none"):
                placement.pick_device(name)
    with pytest.raises(InputError, match="is not a device"):
        placement.pick_device("gpu")


def test_numbers_are_bfloat16_on_a_gpu_that_computes_in_it_and_float32_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda, cpu, mps = (torch.device(name) for name in ("cuda", "cpu", "mps"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert placement.pick_dtype("auto", cuda) is torch.bfloat16
    assert placement.pick_dtype("auto", cpu) is torch.float32
    assert placement.pick_dtype("auto", mps) is torch.float32
    assert placement.pick_dtype("float16", cpu) is torch.float16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert placement.pick_dtype("auto", cuda) is torch.float32
    with pytest.raises(InputError, match="choose auto, float32"):
        placement.pick_dtype("int8", cpu)


def test_weights_have_the_type_that_was_asked_for(tiny_llama: Path) -> None:
    loaded = checkpoint.load(tiny_llama, loading=Loading(device="cpu", dtype="bfloat16"))
    assert loaded.model.dtype is torch.bfloat16
    assert checkpoint.load(tiny_llama, device="cpu").model.dtype is torch.float32


def test_the_server_takes_the_same_options() -> None:
    given = ["--revision", "v1", "--device", "cpu", "--dtype", "float32", "--allow-pickle",
             "--trust-remote-code"]
    assert settings_from(given, environment={}).loading == Loading(
        revision="v1", device="cpu", dtype="float32", allow_pickle=True, trust_remote_code=True
    )
    assert settings_from([], environment={}).loading == Loading()
