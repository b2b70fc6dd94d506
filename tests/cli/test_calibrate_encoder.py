"""calibrate with a sentence encoder, and what reads the calibration afterwards."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustness import cli
from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.errors import CorruptFileError
from robustness.models import sentence_encoder
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Instruction
from robustness.workbench import Workbench

ASKS = ("Find", "Say", "Name", "Tell me", "Give", "Choose", "Work out")
WHAT = ("its topic", "its subject", "what it is about", "the theme", "what it deals with",
        "the matter")


@pytest.fixture
def forgotten() -> Iterator[None]:
    sentence_encoder.installed.cache_clear()
    yield
    sentence_encoder.installed.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("forgotten")
def test_rules_with_an_encoder_are_used_where_it_is_installed(
    tiny_llama: Path, tiny_t5: Path, indexes: Path, topics: Task, places: Task, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("robustness.cli.sets.labelled_tasks", lambda *_: [topics, places])
    root = tmp_path / "indexes"
    shutil.copytree(indexes, root)
    pool = [
        Instruction(
            text=f"{ask} {what}.", collection="mine", task_type=topics.task_type, task=topics.id
        )
        for ask in ASKS for what in WHAT
    ]
    instructions.write_collection(tmp_path / "pool.jsonl", pool)
    encoder = shutil.copytree(tiny_t5, tmp_path / "encoder")
    command = ["calibrate", "--unobserved", str(tmp_path / "pool.jsonl"), "--json",
               "--model", str(tiny_llama), "--indexes", str(root)]

    def calibrate(*more: str) -> dict[str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*command, *more])
        assert not ended.value.code
        return json.loads(capsys.readouterr().out)[0]

    card = calibrate("--encoder", str(encoder), "--encoder-layers", "1")
    assert card["encoder"] == f"{encoder} (1 of its layers)"
    (kept,) = Path(card["folder"]).parent.glob("wordings-*.safetensors")
    # A calibration beside it that cannot be read may need others.
    unread = kept.with_name("wordings-0.safetensors")
    unread.write_bytes(b"")
    other = kept.parent / "other" / "calibration.json"
    other.parent.mkdir()
    other.write_text("{")
    calibrate("--encoder", str(encoder), "--encoder-layers", "1")
    assert kept.exists() and unread.exists()
    other.unlink()
    calibrate("--encoder", str(encoder), "--encoder-layers", "1")
    assert kept.exists() and not unread.exists()

    def workbench() -> Workbench:
        return Workbench(TransformersEngine(tiny_llama, device="cpu"), indexes=root)

    def scores() -> list[float | None]:
        opened = workbench()
        judge = opened.catalog.judge()
        calibration = opened.catalog.calibration()
        assert judge is not None and calibration is not None
        return [
            judge.score(*case[:1], p.text, p.task, *case[1:])
            for p in calibration.points for case in calibration.cases(p).values()
        ]

    installed = scores()
    assert None not in installed
    # Without the encoder, by words and characters alone.
    shutil.rmtree(encoder)
    sentence_encoder.installed.cache_clear()
    plain = scores()
    assert plain != installed and len(plain) == len(installed)
    # A lost file is told where it is needed.
    shutil.copytree(tiny_t5, encoder)
    sentence_encoder.installed.cache_clear()
    kept.unlink()
    with pytest.raises(CorruptFileError, match="calibrate again"):
        scores()
    assert calibrate()["encoder"] == ""
    assert not kept.exists()
    assert scores() == plain
