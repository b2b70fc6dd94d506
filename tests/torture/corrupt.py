"""Damaged files of every kind that is read: an error that names the file, or a sound reading.

Each file is damaged many times: cut off, emptied, its bytes changed, and, where it is JSON, one of
its values replaced by one of another kind.
"""

import json
import os
import random
import shutil
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from robustness import evidence, paths
from robustness.cli.render import evidence as render_evidence
from robustness.data import instructions, test_set_log
from robustness.data.importers import sources
from robustness.data.tasks import named
from robustness.errors import RobustnessError
from robustness.index import observed_index, saved_index
from robustness.models import adapters
from robustness.models import checkpoint as checkpoints
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import black_box, degradation
from robustness.storage import table_writing, tables
from robustness.training.backbone import study
from robustness.wording import Asked
from robustness.workbench import Workbench
from server import keys
from server.job_files import State
from server.jobs import Jobs
from tests.torture.outcome import CRASHES, Outcome

_OTHER = (None, [], {}, "", "x", -1, 0, 1e308, True, [[]], {"a": 1}, "\x00", 2**70, [None], "../..")
_RUBBISH = (b"", b"{", b"[" * 100_000, b"\xff\xfe\x00", b"9" * 5_000, b"PK\x03\x04", b"\x00" * 64)
_JOB_SECONDS = 30


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    name: str
    file: Path
    """The file that is damaged."""
    read: Callable[[], object]


def _damage(chance: random.Random, sound: bytes) -> bytes:
    """The bytes of a file with one damage."""
    turn = chance.randrange(8)
    if turn == 0:
        return chance.choice(_RUBBISH)
    if turn < 4:
        try:
            return json.dumps(_other(chance, json.loads(sound))).encode()
        except ValueError:
            pass  # not JSON
    data = bytearray(sound)
    place = chance.randrange(max(1, len(data)))
    if turn % 3 == 0:
        del data[place:]
    elif turn % 3 == 1:
        for _ in range(chance.choice((1, 1, 50))):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
    else:
        data[place:place] = chance.choice(_RUBBISH)
    return bytes(data)


def _other(chance: random.Random, document: Any) -> Any:
    """A JSON document with one value, somewhere, replaced or left out."""
    if isinstance(document, (dict, list)) and document and chance.random() < 0.9:
        copy = document.copy()
        key = chance.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
        if chance.random() < 0.15:
            del copy[key]
        else:
            copy[key] = _other(chance, copy[key])
        return copy
    return chance.choice(_OTHER)


def _index_kinds(workbench: Workbench, home: Path) -> Iterator[Kind]:
    spec = workbench.engine.models()[0].spec
    source = observed_index.folder_of(spec)
    folder = observed_index.folder_of(spec, home)
    shutil.copytree(source, folder)
    index = saved_index.load(folder, spec)
    for name in ("manifest.json", "subjectivity.faiss", "instructions.faiss", "probes.safetensors"):
        yield Kind(f"index: {name}", folder / name, lambda: saved_index.load(folder, spec))
    yield Kind(
        "index: calibration.json", folder / "calibration.json",
        lambda: degradation.load(folder, index),
    )
    yield Kind(
        "index: held-out.json", folder / "held-out.json",
        lambda: degradation.load_report(folder, index.digest),
    )


def _adapter_kinds(home: Path) -> Iterator[Kind]:
    checkpoint = checkpoints.load(paths.BACKBONE)
    turn = iter(range(10**9))
    for name, source in adapters.shipped(paths.BACKBONE).items():
        folder = home / name
        shutil.copytree(source, folder)
        for file in ("adapter_config.json", "adapter_model.safetensors", "training.json"):
            if (folder / file).is_file():
                yield Kind(
                    f"adapter {name}: {file}", folder / file,
                    lambda folder=folder: adapters.Loader(checkpoint).load(
                        f"a{next(turn)}", folder
                    ),
                )


def _model_kinds(home: Path) -> Iterator[Kind]:
    folder = home / "model"
    shutil.copytree(paths.BACKBONE, folder)
    for file in sorted(folder.iterdir()):
        if file.name in (
            "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
            "special_tokens_map.json", "model.safetensors",
        ):
            yield Kind(f"model: {file.name}", file, lambda: TransformersEngine(folder))
    card = folder / "card.json"
    yield Kind("card.json of a model", card, lambda: study.read_study(folder))
    log = folder / test_set_log.FILE
    if log.is_file():
        yield Kind("log of the test set", log, lambda: test_set_log.read_log(folder))


def _written(home: Path, name: str, content: str | bytes) -> Path:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _data_kinds(home: Path) -> Iterator[Kind]:
    rows = [
        {"instruction": f"Good or bad ({n})?", "input": "a film", "options": "good|bad",
         "answer": "good", "task": "own"} for n in range(4)
    ]
    frame = pd.DataFrame(rows)
    for suffix in (".csv", ".tsv", ".json", ".jsonl", ".parquet"):
        path = home / f"table{suffix}"
        table_writing.write_table(path, list(frame.columns), frame.to_numpy().tolist())
        yield Kind(f"table {suffix}", path, lambda path=path: tables.read_table(path))
    task = shutil.copy(next((paths.ASSETS / "tasks").glob("*.json")), home / "task.json")
    yield Kind("task file", Path(task), lambda: named.find_all(str(task)))
    labelled = _written(home, "labelled.csv", "input,options,answer\na,x|y,x\nb,x|y,y\n")
    yield Kind("labelled table", labelled, lambda: named.find_all(str(labelled)))
    bench = _written(home, "bigbench/task.json", json.dumps({
        "name": "b", "description": "d", "keywords": ["k"], "metrics": ["multiple_choice_grade"],
        "examples": [{"input": "a", "target_scores": {"x": 1, "y": 0}}] * 3,
    }))
    yield Kind("BIG-bench task", bench, lambda: named.find_all(str(bench)))
    mmlu = _written(home, "mmlu/test/a_test.csv", "What?,a,b,c,d,A\nWhy?,a,b,c,d,B\n")
    yield Kind("MMLU", mmlu, lambda: named.find_all(str(mmlu.parent.parent)))
    collection = shutil.copy(
        next((paths.ASSETS / "instructions").glob("*.jsonl")), home / "collection.jsonl"
    )
    yield Kind(
        "collection", Path(collection), lambda: instructions.read_collection(Path(collection))
    )
    measured = _written(
        home, "measured.csv",
        "instruction,task,model,accuracy\nIs it?,t,m,0.5\nSo?,t,m,0.7\nOr not?,t,m,0.9\n",
    )
    yield Kind("measured instructions", measured, lambda: black_box.read(measured))


_SOURCES = {
    "promptsource": (
        "templates.yaml",
        "dataset: d\ntemplates:\n  a: !Template\n    answer_choices: x ||| y\n    id: a\n"
        "    jinja: 'Is {{text}} so? ||| {{answer_choices[label]}}'\n"
        "    metadata: !TemplateMetadata\n      original_task: true\n    name: n\n",
    ),
    "flan": ("templates.py", "PATTERNS = {'a': [('Is {text} so?', '{answer}')]}\n"),
    "alpaca": ("alpaca_data.json", '[{"instruction": "Is it so?", "input": "a", "output": "yes"}]'),
    "natural-instructions": ("task1_a.json", json.dumps({
        "Definition": ["Say if it is so."], "Categories": ["C"], "Instances": [
            {"input": "a", "output": ["yes"]}, {"input": "b", "output": ["no"]}],
    })),
    "instructioneval": (
        "a.py",
        "class Preprocessor:\n    def __init__(self):\n        self.instr2preprocessor = {\n"
        "            'NIV2/QA/1': self.a,\n        }\n\n    def a(self, item):\n"
        "        text = 'Is it so? {}'.format(item['question'])\n"
        "        return {'input_text': text, 'output_text': item['answer'],\n"
        "                'label_space': ['yes', 'no']}\n",
    ),
    "csv": ("a.csv", "instruction,task_type\nIs it so?,BC\n"),
}


def _import_kinds(home: Path) -> Iterator[Kind]:
    for source, (name, content) in _SOURCES.items():
        path = _written(home, f"{source}/{name}", content)
        yield Kind(
            f"import {source}", path,
            lambda source=source, path=path: sources.take(source, path, home / "out.jsonl"),
        )


def _job_kinds(workbench: Workbench, home: Path) -> Iterator[Kind]:
    folder = home / "jobs"
    table = b"instruction,input,options\n" + b"Good or bad?,a film,good|bad\n" * 3
    jobs = Jobs(workbench, folder)
    ids = [jobs.submit("x.csv", table).id for _ in range(2)]
    jobs.close()
    sound = home / "sound-jobs"
    shutil.copytree(folder, sound)

    def read() -> None:
        """Starts a server's jobs beside the damaged file; the other job must be done."""
        again = Jobs(workbench, folder)
        try:
            limit = time.monotonic() + _JOB_SECONDS
            while again.get(ids[1]).state is not State.DONE and time.monotonic() < limit:
                time.sleep(0.01)
            again.check()
            if again.get(ids[1]).state is not State.DONE:
                raise AssertionError(f"the other job is {again.get(ids[1])}")
        finally:
            again.close()
            # As it was, but for the file that is damaged next.
            shutil.rmtree(folder)
            shutil.copytree(sound, folder)

    _written(folder / ids[0], ".result.csv.journal", '{"key": "0:a", "value": {"status": "ok"}}\n')
    shutil.copytree(folder / ids[0], sound / ids[0], dirs_exist_ok=True)
    for name in ("status.json", "upload.csv", ".result.csv.journal"):
        yield Kind(f"job: {name}", folder / ids[0] / name, read)


def _evidence_kinds(workbench: Workbench, home: Path) -> Iterator[Kind]:
    asked = Asked(instruction="Say if this is a view or a fact.", task="subjectivity")
    made = evidence.record(workbench, asked, measure=False)
    file = _written(home, "evidence.json", evidence.text_of(made))
    yield Kind("evidence file", file, lambda: _shown(_text_of(file)))

    def with_its_hash() -> None:
        """Without this a damage is found by the hash before anything is computed."""
        text = _text_of(file)
        try:
            document = json.loads(text)
            text = json.dumps(document | {"sha256": evidence._hash(document)})
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        _shown(text)

    yield Kind("evidence file with a hash of its own", file, with_its_hash)


def _shown(text: str) -> None:
    document, checks = evidence.replay(text)
    render_evidence.evidence(document, checks)


def _text_of(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


def _server_kinds(home: Path) -> Iterator[Kind]:
    file = _written(home, "keys.txt", f"anna {'a' * 24}\nben {'b' * 24}\n")
    yield Kind("file of keys", file, lambda: keys.read(file, ""))


def kinds(workbench: Workbench, home: Path) -> Iterator[Kind]:
    """Every kind of file that is read, each sound in a folder."""
    yield from _index_kinds(workbench, home / "indexes")
    yield from _adapter_kinds(home / "adapters")
    yield from _model_kinds(home / "models")
    (home / "data").mkdir()
    yield from _data_kinds(home / "data")
    yield from _import_kinds(home / "imports")
    yield from _evidence_kinds(workbench, home / "evidence")
    yield from _server_kinds(home / "server")
    yield from _job_kinds(workbench, home / "served")


def run(workbench: Workbench, *, number: int, start: int) -> Outcome:
    """Damages each kind of file.

    Args:
        workbench: The embedded model's.
        number: How often each.
        start: The seed.
    """
    warnings.filterwarnings("ignore")
    outcome = Outcome("damaged files", f"each kind {number} times", (CRASHES,))
    chance = random.Random(start)
    with tempfile.TemporaryDirectory() as name:
        for kind in kinds(workbench, Path(name)):
            outcome.counts["kinds"] += 1
            sound = kind.file.read_bytes()
            try:
                kind.read()
            except RobustnessError as error:
                outcome.fault(f"{kind.name} is not read as it is: {error}")
                continue
            for _ in range(number):
                damaged = _damage(chance, sound)
                kind.file.write_bytes(damaged)
                outcome.counts["files"] += 1
                try:
                    kind.read()
                    outcome.counts["read"] += 1
                except RobustnessError:
                    outcome.counts["refused with a sentence"] += 1
                except Exception:
                    told = traceback.format_exc(limit=-4)
                    outcome.fault(f"{kind.name}: {told}\n  {damaged[:200]!r}", CRASHES)
            kind.file.parent.mkdir(parents=True, exist_ok=True)
            kind.file.write_bytes(sound)
            os.utime(kind.file)
    return outcome
