from functools import cache

import pytest

from robustness.errors import InputError
from robustness.evaluation import published
from robustness.evaluation.published import PublishedTable


@cache
def table(name: str) -> PublishedTable:
    return published.complete(published.table(name, draws=200))


@pytest.mark.parametrize("name", ["table3", "fig2b", "fig3", "fig6", "table4", "findings"])
def test_every_table_has_a_column_without_artefacts(name: str) -> None:
    assert "without_artefacts" in table(name).columns
    assert any("without_artefacts" in row.figures for row in table(name).rows)


@pytest.mark.parametrize(("name", "column"), [("fig3", "accuracy"), ("fig6", "newly_collected")])
def test_where_no_artefact_enters_the_column_says_the_same_and_a_note_says_why(
    name: str, column: str
) -> None:
    made = table(name)
    for row in made.rows:
        assert row.figures["without_artefacts"].value == row.figures[column].value
        assert "None of the three artefacts" in made.footnotes[row.notes[-1] - 1]


def test_a_table_that_has_the_column_stays_as_it_is() -> None:
    made = published.table("table3", draws=200)
    assert published.complete(made) is made


def test_picking_keeps_lines_groups_and_sets_with_their_spreads() -> None:
    made = published.pick(
        table("table3"), names=["Alpaca-7B"], groups=["BBL-MC"], sets=["observed"]
    )
    assert [(row.name, row.group) for row in made.rows] == [("Alpaca-7B", "BBL-MC")]
    assert made.columns == ("observed", "observed_std", "degradation", "without_artefacts")


def test_picking_nothing_is_the_whole_table() -> None:
    assert published.pick(table("fig3")) == table("fig3")


def test_picking_what_is_not_there_names_it() -> None:
    with pytest.raises(InputError, match="no row of Alpaca-7B for 12 BBL datasets"):
        published.pick(table("table3"), names=["Alpaca-7B"], groups=["12 BBL datasets"])


def test_the_frame_holds_every_number_with_its_interval_and_notes_in_words() -> None:
    made = published.frame(table("table3"))
    row = table("table3").rows[7]
    line = made.iloc[7]
    assert (line["name"], line["group"]) == ("Alpaca-7B", "BBL-MC")
    for column in ("observed", "unobserved", "degradation", "without_artefacts"):
        figure = row.figures[column]
        assert line[column] == figure.value
        assert (line[f"{column}_low"], line[f"{column}_high"]) == (figure.low, figure.high)
    assert "True, False or Neither" in line["notes"]
    assert "observed_std_low" not in made.columns
    assert made["unobserved_std_printed"].dropna().tolist() == [7.3]
