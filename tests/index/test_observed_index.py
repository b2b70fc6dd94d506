import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustness import paths
from robustness.errors import CorruptFileError, InputError, MismatchError, NotFoundError
from robustness.index import building, neighbours, observed_index, saved_index
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Instruction, RepresentationSpec


@pytest.fixture
def built(
    tmp_path: Path, tiny_engine: TransformersEngine, observed: list[Instruction], topics, places
) -> Path:
    made = building.build(
        tiny_engine, "tiny-llama", observed, [topics, places],
        recipe=observed_index.IndexRecipe(inputs=2, measured=4),
    )
    saved_index.save(made, tmp_path)
    return tmp_path


def test_what_was_saved_is_loaded(built: Path, tiny_engine: TransformersEngine) -> None:
    spec = tiny_engine.models()[0].spec
    loaded = saved_index.load(built, spec)
    part = loaded.tasks["scene_topic"]
    assert part.own
    assert part.correct.shape == (len(part.space.ids), 4)
    assert part.mean_accuracy == pytest.approx(float(part.correct.mean()))
    assert loaded.home(part.space.ids[0]) == "scene_topic"
    assert len(loaded.alone.ids) == len(loaded.instructions)


def test_search_is_exact_and_in_l2() -> None:
    vectors = np.array([[0, 0], [3, 4], [6, 8]], dtype=np.float32)
    space = neighbours.point_set(["a", "b", "c"], vectors)
    near = space.search(np.array([[3.0, 4.0]], dtype=np.float32), 5)
    assert near.ids[0][0] == "b"
    np.testing.assert_allclose(near.distances[0], [0, 5, 5])
    np.testing.assert_allclose(space.left_out, [5, 5, 5])
    assert space.percentile(4.9) == 0.0
    assert space.percentile(5.1) == 100.0
    # Another processor adds in another order.
    assert space.percentile(5.000001) == 0.0
    with pytest.raises(MismatchError, match="width"):
        space.search(np.zeros((1, 3), dtype=np.float32), 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("revision", "other"), ("layer", 1), ("prefix", "soft@1"), ("model", "another")],
)
def test_another_model_or_layer_is_refused(
    built: Path, tiny_engine: TransformersEngine, field: str, value: object
) -> None:
    spec = replace(tiny_engine.models()[0].spec, **{field: value})
    with pytest.raises(MismatchError, match=field):
        saved_index.load(built, spec)


def test_a_changed_file_is_refused(built: Path, tiny_engine: TransformersEngine) -> None:
    path = built / "scene_topic.faiss"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptFileError, match="does not have the hash in the manifest"):
        saved_index.load(built, tiny_engine.models()[0].spec)


def test_a_missing_index_says_how_to_build_it(
    tmp_path: Path, tiny_engine: TransformersEngine
) -> None:
    with pytest.raises(NotFoundError, match="index build"):
        saved_index.load(tmp_path / "none", tiny_engine.models()[0].spec)


def test_an_index_of_nothing_is_refused(tiny_engine: TransformersEngine, topics) -> None:
    with pytest.raises(InputError, match="at least one"):
        building.build(tiny_engine, "tiny-llama", [], [topics])


@pytest.mark.parametrize("name", ["original", "pt-kl", "deep-kl", "lora-kl"])
def test_a_shipped_index_is_read_and_written_without_a_change(tmp_path: Path, name: str) -> None:
    folder = paths.INDEXES / paths.BACKBONE_ID / name
    if not (folder / saved_index.MANIFEST).is_file():
        pytest.skip("indexes/ is not there yet")
    spec = RepresentationSpec(**json.loads((folder / saved_index.MANIFEST).read_text())["spec"])
    loaded = saved_index.load(folder, spec)
    assert loaded.alone.searcher.choice is None
    saved_index.save(loaded, tmp_path)
    for path in tmp_path.iterdir():
        if path.suffix != ".json":
            assert path.read_bytes() == (folder / path.name).read_bytes()
    written, shipped = (
        json.loads((f / saved_index.MANIFEST).read_text()) for f in (tmp_path, folder)
    )
    assert {**written, "spec": None} == {**shipped, "spec": None}
