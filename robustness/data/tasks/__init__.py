"""Tasks with their labelled inputs: the shipped ones, task files, tables, MMLU and BIG-bench."""

from robustness.data.tasks.base import Task, read_task, write_task
from robustness.data.tasks.builtin import builtin, builtin_names, listed
from robustness.data.tasks.named import find

__all__ = ["Task", "builtin", "builtin_names", "find", "listed", "read_task", "write_task"]
