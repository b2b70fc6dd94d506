from types import SimpleNamespace
from typing import Any

from robustness.models.engine import ModelInfo
from robustness.types import RepresentationSpec
from server.page import layout


def workbench(*slower: str | None) -> Any:
    spec = RepresentationSpec(model="m", revision="1", prefix=None)
    models = [
        ModelInfo(id=f"m{n}", spec=spec, context=9, scorer="padded", slower=reason)
        for n, reason in enumerate(slower)
    ]
    return SimpleNamespace(engine=SimpleNamespace(models=lambda: models))


def test_the_footer_names_models_that_are_scored_more_slowly_and_why() -> None:
    assert layout.slower(workbench(None, None)) == ""
    assert layout.slower(workbench("it has a window", None, "it has a window")) == (
        " Scored more slowly (padded): m0, m2 (it has a window)."
    )
