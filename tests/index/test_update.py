import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustness.cli.render import index as render
from robustness.data.tasks import Task
from robustness.errors import CorruptFileError, InputError, MismatchError
from robustness.index import building, neighbours, saved_index, update, vector_store
from robustness.index.observed_index import IndexRecipe, ObservedIndex
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import index_service
from robustness.prediction.degradation import FILE
from robustness.types import Instruction, Prompt, Reading
from robustness.workbench import Workbench

MODEL = "tiny-llama"
RECIPE = IndexRecipe(inputs=2, probes=4, measured=4)


def build(
    engine: TransformersEngine, observed: list[Instruction], tasks: list[Task]
) -> ObservedIndex:
    return building.build(engine, MODEL, observed, tasks, recipe=RECIPE)


def assert_same(one: ObservedIndex, other: ObservedIndex) -> None:
    assert one.instructions == other.instructions
    assert one.tasks.keys() == other.tasks.keys()
    pairs = [(one.alone, other.alone)]
    for name, part in one.tasks.items():
        twin = other.tasks[name]
        assert (part.own, part.example_ids, part.probe_ids) == (
            twin.own, twin.example_ids, twin.probe_ids
        )
        np.testing.assert_array_equal(part.correct, twin.correct)
        np.testing.assert_allclose(part.probed, twin.probed, atol=1e-4)
        pairs.append((part.space, twin.space))
    for mine, theirs in pairs:
        assert mine.ids == theirs.ids
        np.testing.assert_allclose(mine.vectors, theirs.vectors, atol=1e-4)
        np.testing.assert_allclose(mine.left_out, theirs.left_out, atol=1e-3)


def test_what_was_added_or_removed_gives_the_index_that_a_build_gives(
    tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task, places: Task
) -> None:
    tasks = [topics, places]
    first, rest = observed[:-3], observed[-3:]
    grown = update.update(
        tiny_engine, MODEL, build(tiny_engine, first, tasks), observed, tasks
    )
    assert_same(grown, build(tiny_engine, observed, tasks))
    left = [*observed[:2], *rest]
    assert_same(
        update.update(tiny_engine, MODEL, grown, left, tasks), build(tiny_engine, left, tasks)
    )


def test_only_the_new_ones_are_read(
    tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task, places: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = build(tiny_engine, observed[:-1], [topics, places])
    read: set[str] = set()
    original = tiny_engine.read

    def spy(model: str, prompts: list[Prompt]) -> list[Reading]:
        read.update(p.instruction_id for p in prompts)
        return original(model, prompts)

    monkeypatch.setattr(tiny_engine, "read", spy)
    update.update(tiny_engine, MODEL, before, observed, [topics, places])
    assert read == {observed[-1].id, ""}
    read.clear()
    update.update(tiny_engine, MODEL, before, observed[:3], [topics, places])
    assert not read


def test_others_stand_in_again_when_a_task_loses_its_own(
    tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task
) -> None:
    own = [i for i in observed if i.task == "scene_topic"]
    kin = [replace(own[0], task="other", id="")]
    both = build(tiny_engine, [*kin, own[1]], [topics])
    assert both.tasks["scene_topic"].own
    assert_same(
        update.update(tiny_engine, MODEL, both, kin, [topics]),
        build(tiny_engine, kin, [topics]),
    )


def test_a_task_with_other_inputs_or_without_its_file_is_refused(
    tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task, places: Task
) -> None:
    before = build(tiny_engine, observed[:-1], [topics, places])
    other = replace(topics, examples=topics.examples[1:])
    with pytest.raises(MismatchError, match="other inputs"):
        update.update(tiny_engine, MODEL, before, observed, [other, places])
    with pytest.raises(InputError, match="--tasks"):
        update.update(tiny_engine, MODEL, before, observed, [places])
    with pytest.raises(InputError, match="at least one"):
        update.update(tiny_engine, MODEL, before, [], [topics, places])


@pytest.fixture
def saved(
    tmp_path: Path, tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task,
    places: Task,
) -> Path:
    index_service.build(tiny_engine, tmp_path, observed[:-2], [topics, places], recipe=RECIPE)
    return tmp_path


def test_the_calibration_of_the_index_before_is_refused(
    saved: Path, tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task,
    places: Task, indexes: Path,
) -> None:
    folder = saved / MODEL / "original"
    (folder / FILE).write_bytes((indexes / MODEL / "original" / FILE).read_bytes())
    document = json.loads((folder / FILE).read_text())
    before = saved_index.load(folder, tiny_engine.models()[0].spec)
    document["index_digest"] = before.digest
    (folder / FILE).write_text(json.dumps(document))
    assert index_service.info(tiny_engine, saved)[0].calibrated
    cards = index_service.add(tiny_engine, saved, observed[-2:], [topics, places])
    assert cards[0].instructions == len(observed)
    assert not cards[0].calibrated
    described = index_service.info(tiny_engine, saved)
    assert described == cards
    assert "the one before" in described[0].refused
    shown = render.cards(described)
    assert f"{len(observed)} observed instructions" in shown
    assert "not calibrated: " in shown and "python -m robustness calibrate" in shown
    with pytest.raises(MismatchError, match="calibrate again"):
        Workbench(tiny_engine, indexes=saved).index()
    with pytest.raises(InputError, match="already"):
        index_service.add(tiny_engine, saved, observed[-2:], [topics, places])
    with pytest.raises(InputError, match="absent"):
        index_service.remove(tiny_engine, saved, ["absent"], [topics, places])


def test_a_change_that_breaks_off_leaves_the_index_before(
    saved: Path, tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task,
    places: Task, monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = saved / MODEL / "original"
    spec = tiny_engine.models()[0].spec
    before = saved_index.load(folder, spec)

    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(saved_index.files, "write_json", fails)
        with pytest.raises(OSError, match="full"):
            index_service.add(tiny_engine, saved, observed[-2:], [topics, places])
    assert_same(saved_index.load(folder, spec), before)
    index_service.add(tiny_engine, saved, observed[-2:], [topics, places])
    after = saved_index.load(folder, spec)
    assert len(after.instructions) == len(observed)
    named = set(saved_index._manifest(folder / saved_index.MANIFEST).files())
    assert {p.name for p in folder.iterdir()} == named | {saved_index.MANIFEST}
    with pytest.raises(MismatchError, match="meanwhile"):
        saved_index.save(before, folder, onto=before.digest)
    index_service.remove(tiny_engine, saved, [i.id for i in observed[-2:]], [topics, places])
    assert_same(saved_index.load(folder, spec), before)


def test_a_reader_that_finds_files_gone_reads_the_new_manifest(
    saved: Path, tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task,
    places: Task, monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = saved / MODEL / "original"
    original, asked = saved_index._manifest, []

    def slow(path: Path) -> object:
        made = original(path)
        asked.append(path)
        if len(asked) == 1:
            monkeypatch.setattr(saved_index, "_manifest", original)
            index_service.add(tiny_engine, saved, observed[-2:], [topics, places])
        return made

    monkeypatch.setattr(saved_index, "_manifest", slow)
    loaded = saved_index.load(folder, tiny_engine.models()[0].spec)
    assert len(loaded.instructions) == len(observed)


def test_a_big_index_keeps_its_choice_and_its_leave_one_out_distances(
    tmp_path: Path, tiny_engine: TransformersEngine, observed: list[Instruction], topics: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vector_store, "FLAT_MOST", 3)
    for module in (neighbours, saved_index):
        monkeypatch.setattr(module, "PAIRWISE", 3)
    own = [i for i in observed if i.task == "scene_topic"]
    made = build(tiny_engine, own, [topics])
    saved_index.save(made, tmp_path)
    spec = tiny_engine.models()[0].spec
    loaded = saved_index.load(tmp_path, spec)
    assert loaded.alone.searcher.choice == made.alone.searcher.choice is not None
    np.testing.assert_array_equal(loaded.alone.left_out, made.alone.left_out)
    path = tmp_path / "instructions.left-out.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptFileError, match="does not have the hash in the manifest"):
        saved_index.load(tmp_path, spec)
