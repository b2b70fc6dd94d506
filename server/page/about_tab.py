"""The *About* tab: what the numbers mean and how far they can be trusted, from files.

Refuses to state a figure that no command wrote.
"""

from robustness import paths
from robustness.degradation import Calibration
from robustness.errors import RobustnessError
from robustness.workbench import Workbench

_MEANING = """
**Degradation** is the mean accuracy over the observed instructions of a task minus the accuracy
under this one, in points. Positive is worse. The **interval** is split-conformal: it was
calibrated on instructions that the model never saw, whole clusters held out. Where an instruction
is farther from the observed ones than anything calibrated, there is **no number**. A **label
conflict** warns that the instruction asks for answers that the scorer does not read.
"""


def _skill(calibration: Calibration | None) -> str:
    if calibration is None:
        return (
            "This backbone has no calibration: neighbours and distances are shown, never a number."
        )
    rows = [
        "| inputs | n | coverage | width | error (MAE) | constant's error | Spearman |",
        "|---|---|---|---|---|---|---|",
    ]
    for source, line in calibration.lines.items():
        s = line.skill
        rank = "undefined" if s.spearman is None else f"{s.spearman:.2f}"
        rows.append(
            f"| {source} | {s.n} | {s.coverage * 100:.0f}% | {s.width:.1f} | {s.mae:.1f} | "
            f"{s.mae_constant:.1f} | {rank} |"
        )
    return "\n".join(rows)


def about(workbench: Workbench) -> str:
    """The tab as Markdown."""
    try:
        skill = _skill(workbench.calibration())
    except RobustnessError as error:
        skill = str(error)
    card = paths.BACKBONE / "CARD.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    shown = text if workbench.original == paths.BACKBONE_ID else ""
    return (
        f"## What the numbers mean\n{_MEANING}\n## How good the prediction is\n\n{skill}\n\n{shown}"
    )
