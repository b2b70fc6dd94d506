"""Tasks x instructions x models: planned, asked, resumed, counted, shown (the evaluation of [S1]).

Refuses to know the command line. Points (0 to 100) in what it gives and writes.
"""

from robustness.study.evaluate import Outcome, evaluate
from robustness.study.plan import LIMIT, Plan, Recipe, plan
from robustness.study.sources import plan_of, read_instructions, read_tasks
from robustness.study.values import Left, Study
from robustness.tasks.bigbench import FIELD

__all__ = [
    "FIELD", "LIMIT", "Left", "Outcome", "Plan", "Recipe", "Study", "evaluate", "plan", "plan_of",
    "read_instructions", "read_tasks",
]
