import json
import re
from pathlib import Path

import pandas as pd
import pytest

from robustness import paths
from robustness.errors import NotFoundError
from robustness.evaluation import published
from robustness.workbench import Workbench
from server.page import findings_tab
from server.page.findings_plots import draw
from server.page.findings_tab import StudyColumn
from server.page.findings_views import PUBLISHED
from server.page.findings_views import own as own_views

OWN = own_views(paths.BACKBONE)
MODELS = {"steadfast-mini": paths.BACKBONE, "steadfast-smollm2": paths.TUNED}


@pytest.fixture(scope="module")
def released() -> StudyColumn:
    return StudyColumn("published", PUBLISHED)


@pytest.fixture(scope="module")
def own(backbone: Path) -> StudyColumn:
    return StudyColumn("own", OWN)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_table_is_shown_with_notes_plot_and_file(
    released: StudyColumn, name: str
) -> None:
    *_, card, plot, csv = released.opened("en", name)
    made = PUBLISHED[name].table()
    assert "without artefacts" in card
    assert card.count("<li>") == len(made.footnotes)
    assert "95% intervals" in card
    assert plot["visible"]
    saved = pd.read_csv(csv["value"])
    assert list(saved["name"]) == [row.name for row in made.rows]
    assert "without_artefacts" in saved.columns


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", OWN)
def test_every_own_table_is_shown_with_notes_plot_and_file(name: str, model: str) -> None:
    views = own_views(MODELS[model])
    column = StudyColumn("own", views)
    *_, card, plot, csv = column.opened("en", name)
    assert "This backbone" in card
    assert "artefacts" in card
    assert plot["visible"]
    made = views[name].table()
    assert len(pd.read_csv(csv["value"])) == len(made.rows)
    # Its lines are of that model, or are tasks.
    assert name == "tasks" or all(row.name.startswith(model) for row in made.rows)


def test_table_3_offers_models_types_and_collections(released: StudyColumn) -> None:
    lines, groups, sets, measure, *_ = released.opened("en", "table3")
    assert ("Alpaca-7B", "Alpaca-7B") in lines["choices"]
    assert ("BBL-MC", "BBL-MC") in groups["choices"]
    assert [value for _, value in sets["choices"]] == ["observed", "unobserved"]
    assert [value for _, value in measure["choices"]] == ["accuracy", "lost accuracy"]


def test_what_is_picked_is_what_card_plot_and_file_hold(released: StudyColumn) -> None:
    card, plot, csv = released.look(
        "en", "table3", ["Alpaca-7B"], ["BBL-MC", "MMLU"], ["unobserved"], "accuracy"
    )
    assert "<td>T0++" not in card
    assert "15.73" in card
    assert "-1.83" in card
    (trace,) = json.loads(plot["value"].plot)["data"]
    assert trace["name"] == "unobserved"
    saved = pd.read_csv(csv["value"])
    assert list(saved["group"]) == ["MMLU", "BBL-MC"]
    assert "observed" not in saved.columns


def test_a_column_speaks_the_page_s_language(released: StudyColumn) -> None:
    tables, svg, lines, *_, card, plot, csv = released.first("de", "table3")
    assert ("Tabelle 3: Modelle und Aufgabenarten", "table3") in tables["choices"]
    assert (svg["value"], csv["label"]) == ("Bild als SVG", "Tabelle als CSV")
    assert lines["label"] == "Modelle"
    assert "ohne Artefakte" in card and "95-%-Intervalle" in card and "Mittel aus" in card
    drawn = json.loads(plot["value"].plot)
    assert [trace["name"] for trace in drawn["data"]] == ["beobachtet", "unbeobachtet"]
    assert drawn["layout"]["xaxis"]["title"]["text"] == "Genauigkeit, Punkte"
    # Files keep the names that programs read.
    assert "without_artefacts" in pd.read_csv(csv["value"]).columns


def test_two_picks_of_one_table_are_two_files(released: StudyColumn) -> None:
    first = released.look("en", "table3", ["Alpaca-7B"], [], [], "accuracy")[2]["value"]
    second = released.look("en", "table3", ["Alpaca-13B"], [], [], "accuracy")[2]["value"]
    assert first != second
    assert Path(first).name == Path(second).name == "published-table3.csv"


def test_an_empty_pick_is_a_message(released: StudyColumn) -> None:
    card, plot, csv = released.look(
        "en", "table3", ["Alpaca-7B"], ["12 BBL datasets"], [], "accuracy"
    )
    assert "no row of Alpaca-7B" in card
    assert not plot["visible"]
    assert not csv["visible"]


def test_intervals_are_drawn_from_the_dots(released: StudyColumn) -> None:
    view = PUBLISHED["table3"]
    made = published.pick(view.table(), names=["Alpaca-7B"], groups=["BBL-MC"])
    figure = draw(made, view.measures["lost accuracy"])
    assert figure is not None
    loss = made.rows[0].figures["degradation"]
    trace = figure.data[0]
    assert trace.x[0] == loss.value
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(loss.high)
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(loss.low)


def test_differences_stand_on_an_axis_of_their_own() -> None:
    view = PUBLISHED["fig3"]
    accuracies = draw(view.table(), view.measures["accuracy"])
    differences = draw(view.table(), view.measures["difference"])
    assert accuracies is not None
    assert differences is not None
    assert len(accuracies.data[0].x) == 6
    assert len(differences.data[0].x) == 2


def test_a_plot_says_what_the_browser_may_save(released: StudyColumn) -> None:
    plot = released.look("en", "fig6", [], [], [], "lost accuracy")[1]["value"]
    options = json.loads(plot.plot)["config"]["toImageButtonOptions"]
    assert options["format"] == "png"
    assert options["filename"] == "published-fig6"


def test_a_card_that_is_not_there_is_a_message(own: StudyColumn, monkeypatch) -> None:
    def missing(*_: object) -> None:
        raise NotFoundError("card.json is not there")

    monkeypatch.setattr("robustness.training.backbone.study.read_study", missing)
    *pickers, _, card, plot, csv = own.opened("en", "types")
    assert "card.json is not there" in card
    assert not any(p["visible"] for p in [*pickers, plot, csv])


def test_another_model_is_told_which_command_makes_a_study(workbench: Workbench) -> None:
    text = findings_tab.no_study(workbench)
    assert "tiny-llama" in text
    assert "python -m robustness backbone card --model" in text
    assert "python -m robustness calibrate --model" in text


@pytest.mark.parametrize("view", [*PUBLISHED.values(), *OWN.values()], ids=[*PUBLISHED, *OWN])
def test_a_german_table_has_german_numbers_and_no_english_word(view, backbone: Path) -> None:
    made = view.table()
    shown = findings_tab.table(made, "de")
    assert re.search(r"\d,\d", shown) and not re.search(r"\d\.\d", shown)
    assert not re.search(r"printed|\bloses\b|scene_", shown)
    for measure in view.measures.values():
        figure = draw(made, measure, "de")
        assert figure is None or figure.layout.separators.startswith(",")
