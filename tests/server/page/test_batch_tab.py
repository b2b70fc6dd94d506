import time
from pathlib import Path

import fastapi
import gradio as gr
import pandas as pd
import pytest

from robustness.errors import MismatchError
from robustness.scoring import batch
from robustness.storage import tables
from robustness.workbench import Workbench
from server.clients import CLIENT, Client
from server.jobs import Jobs
from server.page.batch_tab import TEMPLATE, BatchTab, measured_plot, predicted_plot


@pytest.fixture
def tab(workbench: Workbench, tmp_path: Path) -> BatchTab:
    return BatchTab(Jobs(workbench, tmp_path / "jobs"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("instruction,task\nWhich topic?,scene_topic\n,scene_topic\n", encoding="utf-8")
    return path


def test_the_plan_counts_calls_and_names_bad_rows(tab: BatchTab, table: Path) -> None:
    shown = tab.planned(str(table))
    assert "<b>2</b> rows" in shown
    assert "row 2: the instruction is empty" in shown


def test_the_template_can_be_planned(tab: BatchTab) -> None:
    assert "model calls" in tab.planned(str(TEMPLATE))


def test_starting_without_a_file_is_an_error(tab: BatchTab) -> None:
    with pytest.raises(gr.Error, match="Upload a file first"):
        tab.start(None)


def scored(tab: BatchTab, job: str, seen: tuple) -> pd.DataFrame:
    """The table behind the link that is shown."""
    assert f'href="robustness/v1/jobs/{job}/result"' in seen[4]["value"]
    return pd.read_csv(tab._jobs.result(job))


def test_a_finished_job_is_shown_with_table_plots_and_file(tab: BatchTab, table: Path) -> None:
    job = tab.start(str(table))
    while (seen := tab.look(job))[-1].active:
        time.sleep(0.05)
    card, shown, chart, measured, _, _ = seen
    assert "2 of 2 rows" in card
    assert list(shown["value"]["task"]) == ["scene_topic", "scene_topic"]
    assert chart["visible"]
    assert measured["visible"]
    assert scored(tab, job, seen)["status"].tolist() == ["ok", "error"]


def test_a_file_is_parsed_once_from_its_plan_to_its_result(
    tab: BatchTab, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed, read = [], batch.read_table

    def counted(source: bytes | Path, name: str = "", **given: object) -> tables.Table:
        parsed.append(name)
        return read(source, name, **given)

    monkeypatch.setattr(batch, "read_table", counted)
    tab.planned(str(table))
    job = tab.start(str(table))
    while (seen := tab.look(job))[-1].active:
        time.sleep(0.05)
    assert "2 of 2 rows" in seen[0]
    assert parsed == ["mine.csv"]


def test_a_forgotten_job_is_no_job(tab: BatchTab) -> None:
    card, *hidden, timer = tab.look("gone")
    assert "No job yet" in card
    assert not any(h["visible"] for h in hidden)
    assert not timer.active


def test_a_result_that_was_deleted_by_hand_ends_the_waiting(tab: BatchTab, table: Path) -> None:
    job = tab.start(str(table))
    while tab.look(job)[-1].active:
        time.sleep(0.05)
    tab._jobs.result(job).unlink()
    card, *hidden, timer = tab.look(job)
    assert "was deleted" in card
    assert not any(h["visible"] for h in hidden)
    assert not timer.active


@pytest.mark.parametrize("name", ["accuracy", "model", "row", "above", "variable"])
def test_a_column_of_the_users_may_have_any_name(
    tab: BatchTab, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "named.csv"
    path.write_text(f"instruction,task,{name}\nWhich topic?,scene_topic,x\n", encoding="utf-8")
    job = tab.start(str(path))
    while (seen := tab.look(job))[-1].active:
        time.sleep(0.05)
    assert seen[3]["visible"]
    assert scored(tab, job, seen)[name].tolist() == ["x"]


def test_a_fault_of_the_index_names_no_folder(
    tab: BatchTab, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **given: object) -> None:
        raise MismatchError(f"the index at {table.parent} was built with another model")

    monkeypatch.setattr(batch, "plan", fails)
    shown = tab.planned(str(table))
    assert "index" in shown
    assert str(table.parent) not in shown


def test_plots_leave_out_rows_without_a_number() -> None:
    table = pd.DataFrame(
        {
            "instruction": ["first", "second", "third"],
            "predicted_degradation": [3.0, None, 1.0],
            "low": [1.0, None, -2.0],
            "high": [9.0, None, 4.0],
            "accuracy_original": [50.0, None, 75.0],
            "accuracy_aligned": [60.0, None, None],
        }
    )
    points = predicted_plot(table).data[0]
    assert list(points.y) == ["1: first", "3: third"]
    assert list(points.error_x.array) == [6.0, 3.0]
    assert list(points.error_x.arrayminus) == [2.0, 3.0]
    table["input"] = [None, None, "one sentence"]
    assert list(measured_plot(table).data[0].x) == [50.0]
    table["input"] = None
    original, aligned = measured_plot(table).data
    assert list(original.x) == [50.0, 75.0]
    assert list(aligned.x) == [60.0]


def test_markup_in_an_instruction_is_text_in_both_plots() -> None:
    table = pd.DataFrame(
        {
            "instruction": ['<a href="x">y</a>'], "predicted_degradation": [1.0], "low": [0.0],
            "high": [2.0], "accuracy_original": [50.0], "accuracy_aligned": [60.0],
        }
    )
    for figure in (predicted_plot(table), measured_plot(table)):
        assert "<a" not in figure.to_json().replace("\\u003c", "<")
        assert "&lt;a href" in figure.to_json().replace("\\u0026", "&")


def test_an_upload_is_deleted_when_the_job_has_it_and_the_job_with_its_button(
    tab: BatchTab, table: Path, tmp_path: Path
) -> None:
    job = tab.start(str(table))
    assert not table.exists()
    with pytest.raises(gr.Error, match="upload the file again"):
        tab.start(str(table))
    while tab.look(job)[-1].active:
        time.sleep(0.05)
    assert (tmp_path / "jobs" / job).is_dir()
    assert tab.delete(job) is None
    assert not (tmp_path / "jobs" / job).exists()
    assert "No job" in tab.look(job)[0]
    assert tab.delete(job) is None


def request_of(owner: str) -> gr.Request:
    """An event of a client."""
    scope = {"type": "http", CLIENT: Client(owner=owner, counted=owner)}
    return gr.Request(fastapi.Request(scope))


def test_a_visitor_sees_and_ends_no_job_of_another(tab: BatchTab, table: Path) -> None:
    mine, theirs = request_of("browser:a"), request_of("browser:b")
    job = tab.start(str(table), mine)
    for ask in (tab.look, tab.cancel, tab.delete):
        ask(job, theirs)
    while (seen := tab.look(job, mine))[-1].active:
        time.sleep(0.05)
    assert "2 of 2 rows" in seen[0]
    assert tab.look(job, theirs)[0] == tab.look(None)[0]
