"""Of one prediction and of one scored row, each fact is looked up, filled and read once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robustness.data import prompts, tasks
from robustness.data.tasks import base
from robustness.prediction import query
from robustness.prediction.catalog import Catalog
from robustness.scoring import batch
from robustness.storage.tables import read_table
from robustness.types import Prompt
from robustness.workbench import Workbench

TEXT = "Say which topic the text has."


class Counts(Counter[str]):
    """How often each thing was done, and the prompts that each model read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[str, list[str]]] = []

    def calls(self, model: str) -> list[int]:
        """Prompts of each call to the engine for a model."""
        return [len(texts) for asked, texts in self.read if asked == model]

    def prompts_read_twice(self) -> list[str]:
        seen = Counter((model, text) for model, texts in self.read for text in texts)
        return [text for (_, text), times in seen.items() if times > 1]


class TwoModels:
    """The tiny engine under two names: the original and an aligned one."""

    def __init__(self, engine: Any, counts: Counts) -> None:
        self._engine, self._counts = engine, counts
        self.name = engine.name

    def models(self) -> list[Any]:
        (first,) = self._engine.models()
        return [first, replace(first, id="aligned")]

    def read(self, model: str, asked: list[Prompt]) -> list[Any]:
        self._counts.read.append((model, [p.text for p in asked]))
        return self._engine.read("tiny-llama", asked)

    def represent(self, model: str, texts: list[str]) -> list[Any]:
        self._counts.read.append((model, texts))
        return self._engine.represent("tiny-llama", texts)

    def check_prompts(self, model: str, asked: list[Prompt]) -> None:
        self._engine.check_prompts("tiny-llama", asked)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    made = Counts()

    def counted(what: str, owner: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            made[what] += 1
            return real(*given, **named)

        monkeypatch.setattr(owner, name, call)

    counted("parsed", base, "task_of")
    counted("task looked up", Catalog, "task")
    counted("instruction looked up", query, "instruction_for")
    counted("observed looked up", Catalog, "observed")
    counted("filled", prompts, "fill")
    return made


@pytest.fixture
def bench(workbench: Workbench, indexes: Path, counts: Counts) -> Workbench:
    made = Workbench(TwoModels(workbench.engine, counts), indexes=indexes, task_files=True)
    made.index()  # loading is not what is counted
    return made


@pytest.fixture
def own_task(tmp_path: Path) -> str:
    """A task file that the index knows by its id, as a built-in task."""
    path = tmp_path / "mine.json"
    tasks.write_task(path, tasks.builtin("scene_topic"))
    return str(path)


def once(counts: Counts, filled: int, parsed: int) -> None:
    assert counts["parsed"] == parsed
    assert counts["task looked up"] == 1
    assert counts["instruction looked up"] == 1
    assert counts["observed looked up"] == 1
    assert counts["filled"] == filled
    assert counts.prompts_read_twice() == []


@pytest.mark.parametrize("file", [False, True], ids=["a built-in task", "a task file"])
def test_one_prediction(bench: Workbench, counts: Counts, own_task: str, file: bool) -> None:
    counts.clear()
    counts.read.clear()
    bench.predict(TEXT, task=own_task if file else "scene_topic")
    once(counts, filled=4, parsed=int(file))
    assert counts.calls("tiny-llama") == [4]


@pytest.mark.parametrize("file", [False, True], ids=["a built-in task", "a task file"])
@pytest.mark.parametrize("given", [False, True], ids=["all inputs", "one input"])
def test_one_scored_row(
    bench: Workbench, counts: Counts, own_task: str, file: bool, given: bool
) -> None:
    counts.clear()
    counts.read.clear()
    cells = f"{TEXT},{own_task if file else 'scene_topic'},{'Tom cooked rice.' if given else ''}"
    table = read_table(f"instruction,task,input\n{cells}\n".encode(), "in.csv")
    (row,) = batch.score(table, bench)
    assert row.status == "ok", row.error
    asked = 1 if given else 256
    once(counts, filled=4 + asked, parsed=int(file))
    assert counts.calls("tiny-llama") == [4 + asked]
    assert counts.calls("aligned") == [asked]


def test_a_task_file_is_parsed_once_a_table_and_again_when_it_changed(
    bench: Workbench, counts: Counts, own_task: str
) -> None:
    rows = f"{TEXT},{own_task},Tom cooked rice.\n" * 3
    table = read_table(f"instruction,task,input\n{rows}".encode(), "in.csv")
    counts.clear()
    batch.plan(table, bench)
    batch.score(table, bench)
    assert counts["parsed"] == 1
    tasks.write_task(Path(own_task), replace(tasks.builtin("scene_topic"), title="another"))
    assert bench.task(own_task).title == "another"


def test_one_row_on_its_own_input(bench: Workbench, counts: Counts) -> None:
    table = read_table(
        b"instruction,input,options\nGood or bad?,A fine evening.,good|bad\n", "in.csv"
    )
    batch.score(table, bench)  # the observed instructions are read on the input once
    counts.clear()
    counts.read.clear()
    (row,) = batch.score(table, bench)
    assert row.output_aligned
    assert counts["filled"] == 1
    assert (counts.calls("tiny-llama"), counts.calls("aligned")) == ([1], [1])
    assert batch.plan(table, bench).calls == 2
