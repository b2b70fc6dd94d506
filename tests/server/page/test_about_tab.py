from dataclasses import replace

from robustness.workbench import Workbench
from server.page import about_tab


def test_every_tier_is_shown_beside_the_constant(workbench: Workbench) -> None:
    text = about_tab.skill(workbench)
    made = workbench.calibration()
    assert made is not None
    for name, fitted in made.tiers.items():
        assert f"| {name} | {fitted.skill.n} | {fitted.skill.mae:.1f} |" in text
        assert f"{fitted.skill.coverage * 100:.0f}%" in text


def test_the_plot_has_every_pair_and_the_diagonal(workbench: Workbench) -> None:
    made = workbench.calibration()
    assert made is not None
    given = [t for n, t in made.tiers.items() if n.startswith("given")]
    points = [trace for trace in about_tab.plot(made).data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == sum(len(t.pairs) for t in given)
    lines = [trace for trace in about_tab.plot(made).data if trace.mode == "lines"]
    assert len(lines) == len(given)
    assert all(list(trace.x) == list(trace.y) for trace in lines)


def test_without_calibration_no_number_is_promised(
    workbench: Workbench, monkeypatch
) -> None:
    monkeypatch.setattr(Workbench, "calibration", lambda self: None)
    assert "no degradation is predicted" in about_tab.skill(workbench)


def test_a_tier_without_skill_is_called_so(workbench: Workbench, monkeypatch) -> None:
    made = workbench.calibration()
    bare = {
        k: replace(v, skill=replace(v.skill, spearman=None, intervals={"gain": (-1.0, 2.0)}))
        for k, v in made.lines.items()
    }
    monkeypatch.setattr(Workbench, "calibration", lambda self: replace(made, lines=bare))
    text = about_tab.skill(workbench)
    assert text.count("no skill shown") >= len(bare)
    assert "undefined" in text
