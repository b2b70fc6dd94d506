import subprocess
import sys

import pytest

from robustness import paths

PROGRAM = """
import gc, sys
from robustness import garbage

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        print("looked through")

if sys.argv[1] == "settled":
    garbage.settle()
before = gc.get_stats()[0]["collections"]
made = [[n] for n in range(20_000)]
print(gc.get_stats()[0]["collections"] - before > 1)
kept = Cycle()
"""


@pytest.mark.parametrize(
    ("how", "expected"), [("settled", ["False"]), ("unsettled", ["True", "looked through"])]
)
def test_a_program_looks_for_garbage_seldom_and_not_at_its_end(how: str, expected) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=paths.ROOT, capture_output=True, text=True,
        check=True,
    )
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize(
    "run",
    [
        "run_module('robustness', run_name='__main__')",
        "run_module('server', run_name='__main__')",
        "run_module('server.console', run_name='__main__')",
        "run_path('app.py', run_name='__main__')",
    ],
)
def test_each_program_settles_it(run: str) -> None:
    program = (
        "import atexit, gc, runpy, sys; sys.argv[1:] = ['--help']; sys.path.insert(0, '')\n"
        f"atexit.register(lambda: print('threshold', *gc.get_threshold()))\nrunpy.{run}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].startswith("threshold 50000 "), done.stderr
