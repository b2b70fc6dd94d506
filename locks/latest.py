"""Runs the tests in an environment of newest versions and reports beside the lock.

    python locks/latest.py .venv-latest locks/cpu.txt [PYTEST ARGUMENTS]

Prints the packages whose versions differ from the lock, the tests' output, and one last line.
"""

import subprocess
import sys
from pathlib import Path

from install import installed, locked


def differing(found: dict[str, str], pins: dict[str, set[str]]) -> list[str]:
    """Lines `name: locked -> found` of the packages that the lock has in another version."""
    return [
        f"{name}: {', '.join(sorted(pins[name]))} -> {version}"
        for name, version in sorted(found.items())
        if name in pins and version not in pins[name]
    ]


def main() -> None:
    """Reports; the exit status is the tests'."""
    environment, lock, *arguments = sys.argv[1:]
    lines = differing(installed(Path(environment)), locked(Path(lock)))
    print(f"Not as in {lock}:", *(lines or ["nothing"]), sep="\n  ", flush=True)
    last = ""
    with subprocess.Popen(
        [f"{environment}/bin/python", "-m", "pytest", *arguments], stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        for line in tests.stdout:
            print(line, end="", flush=True)
            last = line.strip("= \n") or last
    print(f"test-latest: versions not as in {lock}: {len(lines)}; tests: {last}")
    sys.exit(tests.returncode)


if __name__ == "__main__":
    main()
