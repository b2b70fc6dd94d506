import pytest

from robustness import paths
from robustness.errors import NotFoundError
from robustness.tasks import builtin, builtin_names, find, table


@pytest.mark.parametrize("name", builtin_names())
def test_every_shipped_task_has_its_labelled_inputs_in_two_halves(name: str) -> None:
    task = builtin(name)
    least = 512 if task.source.startswith("generated") else 128
    assert len({e.id for e in task.examples}) >= least
    halves = {split: len(task.split(split)) for split in ("dev", "test")}
    assert abs(halves["dev"] - halves["test"]) <= 2
    assert all(e.answer in e.options for e in task.examples)


def test_there_is_a_trained_and_an_unseen_task_of_every_type() -> None:
    made = {(builtin(n).task_type, builtin(n).trained) for n in builtin_names()}
    assert made == {(t, seen) for t in ("QA", "MC", "BC") for seen in (True, False)}


def test_an_unknown_task_names_the_ones_there_are() -> None:
    with pytest.raises(NotFoundError, match="polarity"):
        builtin("polarty")


def test_a_labelled_table_is_found_by_its_path() -> None:
    path = paths.ASSETS / "examples" / "relations.csv"
    found = find(str(path))
    assert found == table.read(path)
    assert (found.fields, len(found.options)) == (("text", "entity1", "entity2"), 5)
    assert len(found.split("test")) == 30
    assert find("place") is builtin("place")
