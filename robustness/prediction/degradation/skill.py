"""A predictor's skill: its errors on unseen instructions beside those of simple baselines."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Errors of cross-fitted predictions (without the instruction's cluster), in points."""

    n: int
    clusters: int
    mae: float
    mae_constant: float
    """Mean absolute error of always predicting the mean degradation."""
    mae_distance: float
    """Mean absolute error of isotonic regression on the distance, the predictor of [S1]."""
    gain: float
    """`mae_constant - mae`: positive is skill."""
    spearman: float | None
    """Rank correlation of predicted and measured degradation; None where undefined."""
    spearman_within: float | None
    """Mean over tasks of the rank correlation within a task."""
    auroc: float | None
    """AUROC of detecting losses of more than five points; None where undefined."""
    coverage: float
    """Share of measured degradations inside their interval, in [0, 1]."""
    width: float
    """Width of the interval."""
    intervals: Mapping[str, tuple[float, float]]
    """Figure -> 95% interval from resampling tasks; absent where undefined."""
    coverage_by_task: Mapping[str, float] = field(default_factory=dict)
    """Task -> share of its measured degradations inside their interval, in [0, 1]."""

    @property
    def worst_task(self) -> str | None:
        """The task with the least coverage; None where coverage by task was not measured."""
        found = self.coverage_by_task
        return min(found, key=lambda task: found[task]) if found else None

    @property
    def shown(self) -> bool:
        """Whether it is significantly better than the constant: the gain's interval is above 0."""
        low, _ = self.intervals.get("gain", (float("-inf"), 0.0))
        return low > 0.0
