"""`alignment/card.py`, from a record made by hand."""

from pathlib import Path
from typing import Any

import pytest

from robustness.training.alignment import card
from robustness.training.alignment.recipe import METHODS, AlignRecipe


def record(method: str = "pt+kl", **values: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "backbone": "mini", "revision": "abcd",
        "recipe": AlignRecipe(out=Path(), method=method, steps=300).record(), "steps": 150,
        "best_step": 100, "selected_by": "held_out", "seconds": 61.7, "data": "d1d2",
        "before": {
            "observed": {"accuracy": 0.8125, "cells": 96},
            "held_out": {"accuracy": 0.5, "cells": 64},
        },
        "after": {
            "observed": {"accuracy": 0.8438, "cells": 96},
            "held_out": {"accuracy": 0.75, "cells": 64},
        },
        "counts": {"inputs": 1234},
        "provenance": {"hardware": "two cores", "commit": "c0ffee", "dirty": False,
                       "created": "2026-01-02T03:04:05+00:00"},
    }
    return made | values


def test_every_recorded_figure_is_shown() -> None:
    text = card.markdown(record())
    assert text.startswith("---\nbase_model: mini\nlibrary_name: peft\n---\n")
    assert "revision `abcd`" in text
    assert "Stopped after 150 of at most 300 updates, 62 s on two cores" in text
    assert "after update 100 are kept, the best on paraphrases held out of training" in text
    assert "| observed instructions | 81.2 | 84.4 | 96 |" in text
    assert "| paraphrases held out of training | 50.0 | 75.0 | 64 |" in text
    assert "hash `d1d2`" in text
    assert "1234" in text


def test_the_recipe_stands_there_whole() -> None:
    made = record()
    rows = card.markdown(made).split("## Recipe")[1]
    for key, value in made["recipe"].items():
        assert f"| {key} | {value} |" in rows


@pytest.mark.parametrize("method", METHODS)
def test_the_card_says_what_was_trained(method: str) -> None:
    text = card.markdown(record(method))
    assert f"({method.upper()})" in text
    assert ("library_name: peft" in text) != method.startswith("ft")
    assert ("divergence from the reference" in text.splitlines()[5]) == method.endswith("+kl")


def test_changes_beside_the_commit_are_admitted() -> None:
    assert "Commit `c0ffee`, 2026" in card.markdown(record())
    dirty = record()["provenance"] | {"dirty": True}
    assert "Commit `c0ffee` with changes, 2026" in card.markdown(record(provenance=dirty))


def test_a_development_set_is_named_where_it_selected() -> None:
    scores = {"development": {"accuracy": 0.25, "cells": 8}}
    text = card.markdown(record(selected_by="development", before=scores, after=scores))
    assert "the best on unobserved-development instructions" in text
    assert "| unobserved-development instructions | 25.0 | 25.0 | 8 |" in text
