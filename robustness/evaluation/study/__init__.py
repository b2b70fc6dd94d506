"""Tasks x instructions x models: planned, asked, resumed, counted, shown (the evaluation of [S1]).

Refuses to know the command line. Points (0 to 100) in what it gives and writes.
"""

from robustness.data.tasks.bigbench import FIELD
from robustness.evaluation.study.evaluate import Outcome, evaluate
from robustness.evaluation.study.plan import LIMIT, Plan, Recipe, plan
from robustness.evaluation.study.sources import plan_of, read_instructions, read_tasks
from robustness.evaluation.study.values import Left, Study

__all__ = [
    "FIELD", "LIMIT", "Left", "Outcome", "Plan", "Recipe", "Study", "evaluate", "plan", "plan_of",
    "read_instructions", "read_tasks",
]
