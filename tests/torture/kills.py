"""`kill -9` at random points of a job, which must go on and give the same bytes.

The model is loaded once; each child is a fork of this process with its own worker of the jobs, so
that fifty kills take a minute. It stands for a server that is killed and started again.
"""

import os
import random
import signal
import tempfile
import time
from pathlib import Path

from robustness.workbench import Workbench
from server.job_files import RESULT, State
from server.jobs import Jobs
from tests.torture.outcome import LOST, Outcome

_ROWS = 120
_TASKS = ("subjectivity", "scene_topic")
_WAIT_SECONDS = 300


def _table(seed: int) -> bytes:
    made = random.Random(seed)
    lines = ["id,instruction,input,options,answer"]
    for number in range(_ROWS):
        word = made.choice(("Say", "Tell", "Decide", "Judge", "Answer"))
        text = f"{word} if it is good or bad ({number})."
        lines.append(f"{number},{text},film {number},good|bad,good")
        if number % 17 == 0:
            lines.append(f"{number}b,,,,")
    return "\n".join(lines).encode()


def _finished(jobs: Jobs, job_id: str) -> State:
    limit = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < limit:
        state = jobs.get(job_id).state
        if state not in (State.QUEUED, State.RUNNING):
            return state
        time.sleep(0.02)
    return jobs.get(job_id).state


def _whole(workbench: Workbench, folder: Path, table: bytes) -> tuple[bytes, float]:
    """The result without a kill, and the seconds that it takes."""
    jobs = Jobs(workbench, folder)
    begun = time.monotonic()
    job = jobs.submit("x.csv", table)
    _finished(jobs, job.id)
    seconds = time.monotonic() - begun
    jobs.close()
    return (folder / job.id / RESULT).read_bytes(), seconds


def _child(workbench: Workbench, folder: Path) -> int:
    """Forks a process whose worker goes on with the jobs of a folder; its id."""
    child = os.fork()
    if child:
        return child
    try:
        jobs = Jobs(workbench, folder)
        while any(j.state in (State.QUEUED, State.RUNNING) for j in jobs.listed()):
            time.sleep(0.01)
        jobs.close()
    finally:
        os._exit(0)


def run(workbench: Workbench, *, number: int, start: int) -> Outcome:
    """Kills workers at random points.

    Args:
        workbench: The embedded model's.
        number: How many kills.
        start: The seed.
    """
    outcome = Outcome("kill -9 at random points of a job", f"{number} kills", (LOST,))
    chance = random.Random(start)
    with tempfile.TemporaryDirectory() as name:
        table = _table(start)
        wanted, seconds = _whole(workbench, Path(name, "whole"), table)
        turn, folder = 0, Path(name, "0")
        job_id = _submitted(workbench, folder, table)
        while outcome.counts["kills"] < number:
            child = _child(workbench, folder)
            limit = time.monotonic() + chance.uniform(0.0, 0.4 * seconds)
            ended = 0
            while not ended and time.monotonic() < limit:
                ended, _ = os.waitpid(child, os.WNOHANG)
                time.sleep(0.002)
            if not ended:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                outcome.counts["kills"] += 1
                continue
            _check(folder / job_id / RESULT, wanted, outcome)
            turn, folder = turn + 1, Path(name, str(turn + 1))
            job_id = _submitted(workbench, folder, table)
        child = _child(workbench, folder)
        os.waitpid(child, 0)
        _check(folder / job_id / RESULT, wanted, outcome)
    return outcome


def _submitted(workbench: Workbench, folder: Path, table: bytes) -> str:
    """Queues the table in a folder and ends its worker before it has scored much."""
    jobs = Jobs(workbench, folder)
    job = jobs.submit("x.csv", table)
    jobs.close()
    return job.id


def _check(result: Path, wanted: bytes, outcome: Outcome) -> None:
    outcome.counts["jobs"] += 1
    if not result.is_file():
        outcome.fault(f"{result} is not there after its job went on", LOST)
    elif result.read_bytes() != wanted:
        outcome.fault(f"{result} differs from the result without a kill", LOST)
    else:
        outcome.counts["results byte for byte the same"] += 1
