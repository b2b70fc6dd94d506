"""Tasks: what is asked, the fields of an input, the answer space, labelled inputs.

Refuses to know the instructions. One family of benchmarks a file.
"""

from robustness.data.tasks.base import Task, read_task, write_task
from robustness.data.tasks.builtin import builtin, builtin_names
from robustness.data.tasks.named import find

__all__ = ["Task", "builtin", "builtin_names", "find", "read_task", "write_task"]
