"""Renders suggested rewordings as text."""

from collections.abc import Sequence

from robustness.cli.render.figures import short
from robustness.suggestions import Phrase, Rewording


def advised(rows: Sequence[Rewording], phrases: Sequence[Phrase]) -> str:
    """Rewordings, least predicted degradation first, and each phrase's effect on the distance."""
    lines = ["Rewordings, predicted loss in points:"]
    for row in rows:
        p = row.prediction
        number = "no number" if p.degradation is None else (
            f"{p.degradation:.1f} [{p.low:.1f}, {p.high:.1f}]"
        )
        lines.append(f"  {number}, {row.source}: {short(row.text)}")
    if phrases:
        lines.append("Distance to the nearest observed with each phrase minus without it:")
        lines += [f"  {p.moved:+.2f}  {short(p.text)}" for p in phrases]
    return "\n".join(lines)
