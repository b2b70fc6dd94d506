import json

import pytest

from robustness import cli, paths
from robustness.data import tasks
from robustness.errors import InputError
from robustness.evaluation.prompteval import runner
from robustness.models.transformers_engine import TransformersEngine


@pytest.fixture(scope="module")
def embedded():
    return TransformersEngine(str(paths.BACKBONE))


@pytest.fixture(scope="module")
def pool():
    chosen, left = runner.pool(tasks.builtin("scene_indoors"), None)
    assert not left
    return chosen


def test_the_shipped_pool_is_observed_and_development(pool):
    collections = {i.collection for i in pool}
    assert "unobserved-test" not in collections
    assert any(i.observed for i in pool)
    assert any(not i.observed for i in pool)


def test_a_table_with_a_row_that_does_not_fit_keeps_the_others(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("instruction\nSay indoors or outdoors.\n\"Read {novel}: where?\"\n\"\"\n")
    chosen, left = runner.pool(tasks.builtin("scene_indoors"), path, paraphrases=2)
    texts = [i.text for i in chosen]
    assert texts[0] == "Say indoors or outdoors."
    assert len(texts) > 1
    assert "Read {novel}: where?" in left
    assert all("{novel}" in text for text in left)
    assert "its inputs have text" in left["Read {novel}: where?"]


def test_a_journal_asks_nothing_twice(embedded, pool, tmp_path):
    task = tasks.builtin("scene_indoors")
    journal = tmp_path / "cells.jsonl"
    options = {"share": 0.3, "limit": 12, "journal": journal}
    model = embedded.models()[0].id
    first = runner.measure(embedded, model, pool[:8], task, **options)
    assert first.called == first.found.asked == runner.planned(8, 12, 0.3)
    # Cut off in the middle of its last line: that one cell is asked again.
    text = journal.read_text()
    journal.write_text(text[: len(text) - 8])
    again = runner.measure(embedded, model, pool[:8], task, **options)
    assert again.called == 1
    assert again.found == first.found


def test_all_cells_are_the_accuracies_themselves(embedded, pool):
    task = tasks.builtin("scene_indoors")
    made = runner.measure(embedded, embedded.models()[0].id, pool[:6], task, share=1.0, limit=10)
    assert made.found.stopped == "complete"
    assert made.called == 60
    assert all(a == pytest.approx(round(a / 10) * 10) for a in made.found.accuracies)


@pytest.mark.parametrize("share", [0.0, 1.5, -1.0])
def test_a_budget_is_a_share(embedded, pool, share):
    with pytest.raises(InputError, match="share of the cells"):
        runner.measure(
            embedded, embedded.models()[0].id, pool, tasks.builtin("scene_indoors"), share=share
        )


@pytest.mark.slow
def test_the_command_prints_one_document(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["quantiles", "--task", "scene_indoors", "--budget", "0.02", "--json"])
    assert not ended.value.code
    document = json.loads(capsys.readouterr().out)
    levels = [q["level"] for q in document["found"]["quantiles"]]
    assert levels == [0.05, 0.25, 0.5, 0.75, 0.95]
    for row in document["found"]["quantiles"]:
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 100
    assert len(document["found"]["accuracies"]) == len(document["instructions"])
