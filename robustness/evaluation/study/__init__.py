"""Evaluates models on tasks under many instructions, as [S1] does, and writes tables and a report.

The steps are: read tasks and instructions (`sources`), plan the prompts (`plan`), run the models
(`run`), compute statistics (`analysis`, `compared`, `distances`), write them (`sheets`, `report`).
Accuracies and differences are in points (0 to 100) everywhere.
"""

from robustness.data.defaults import BIG_BENCH_FIELD as FIELD
from robustness.evaluation.defaults import INPUTS as LIMIT
from robustness.evaluation.study.evaluate import Outcome, evaluate
from robustness.evaluation.study.perturbed import Perturbed
from robustness.evaluation.study.perturbed import plan as surface_plan
from robustness.evaluation.study.plan import Plan, Recipe, plan
from robustness.evaluation.study.sources import plan_of, read_instructions, read_tasks
from robustness.evaluation.study.values import Left, Study

__all__ = [
    "FIELD", "LIMIT", "Left", "Outcome", "Perturbed", "Plan", "Recipe", "Study", "evaluate",
    "plan", "plan_of", "read_instructions", "read_tasks", "surface_plan",
]
