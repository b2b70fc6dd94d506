from dataclasses import replace

from robustness.workbench import Workbench
from server.page.about_tab import about


def test_the_calibration_is_shown_beside_the_constant(workbench: Workbench) -> None:
    text = about(workbench)
    made = workbench.calibration()
    assert made is not None
    for line in made.lines.values():
        assert f"{line.skill.coverage * 100:.0f}%" in text
        assert f"{line.skill.mae_constant:.1f}" in text


def test_without_calibration_no_number_is_promised(
    workbench: Workbench, monkeypatch
) -> None:
    monkeypatch.setattr(Workbench, "calibration", lambda self: None)
    assert "never a number" in about(workbench)


def test_an_undefined_rank_correlation_is_called_so(workbench: Workbench, monkeypatch) -> None:
    made = workbench.calibration()
    lines = {
        k: replace(v, skill=replace(v.skill, spearman=None)) for k, v in made.lines.items()
    }
    monkeypatch.setattr(Workbench, "calibration", lambda self: replace(made, lines=lines))
    assert "undefined" in about(workbench)
