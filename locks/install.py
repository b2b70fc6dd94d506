"""Makes an environment: requirements installed under a lock, and nothing that the lock lacks.

    python locks/install.py .venv --lock locks/cpu.txt -r requirements-cpu.txt

The lock's versions are constraints, not a list to install: which of torch's CUDA libraries are
needed, only the torch build that is found can tell (the CPU build asks for none, others pin
theirs), so an installer resolves that, and every package that it brought is then looked up in the
lock. uv does the work, of the version in `locks/uv.txt`, with pip's settings (index, find-links,
certificate). Its output goes to a log; what a person can mend is told in one sentence.

Does not make the locks; see `make lock`.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
_LOCKS = Path(__file__).resolve().parent
_UV = _LOCKS.parent / ".venv-uv"
_SEEDED = {"pip", "setuptools"}
"""What Python puts into a new environment."""
_PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
_NO_NETWORK = (
    "the package index could not be reached: set-up needs a network once (PIP_INDEX_URL names a "
    "mirror); connect and run the same command again"
)
_CAUSES = (
    (
        r"No space left on device|os error 28|Disk quota exceeded",
        "the disk is full: free some gigabytes and run the same command again",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer",
        "the package index's certificate is not trusted: name the authority's file in PIP_CERT "
        "and run the same command again",
    ),
    (
        r"Failed to establish a new connection|NewConnectionError|name resolution|dns error|"
        r"tcp connect|error sending request|Network is unreachable|Connection refused|"
        r"[Tt]imed? ?out|Could not connect|Failed to fetch|Network connectivity is disabled",
        _NO_NETWORK,
    ),
    (
        r"command '\S*(?:gcc|cc|clang|g\+\+|c\+\+)\S*' failed|No such file or directory: "
        r"'(?:gcc|cc|clang|g\+\+|c\+\+)'|error: Microsoft Visual|Failed to build",
        "a package has no wheel for this Python and machine and could not be compiled: use "
        "Python 3.11 on Linux or macOS, or install a C compiler, and run the same command again",
    ),
    (
        r"ensurepip is not available|No module named (?:venv|ensurepip)",
        "this Python cannot make environments: install its venv package "
        "(apt-get install python3-venv) and run the same command again",
    ),
)


class Stopped(Exception):
    """What went wrong and what to do, in one sentence."""


def supported(version: tuple[int, int], program: str) -> None:
    """Raises Stopped for a Python that is too old or too new."""
    if not OLDEST <= version <= NEWEST:
        raise Stopped(
            f"{program} is Python {version[0]}.{version[1]}; 3.11, 3.12 or 3.13 is needed: "
            "install one, or name it with PYTHON=..."
        )


def explained(output: str) -> str | None:
    """The sentence for an installer's output, where its cause is known."""
    return next((told for pattern, told in _CAUSES if re.search(pattern, output)), None)


def settings_for_uv(listed: str) -> dict[str, str]:
    """Environment variables of uv for the lines of `pip config list`."""
    made = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        option = key.rpartition(".")[2]
        if option in _PIP_TO_UV and value:
            words = str(ast.literal_eval(value)).split()
            made[_PIP_TO_UV[option]] = ("," if option == "find-links" else " ").join(words)
    if "UV_INDEX" in made:
        # As pip does: the best version over all indexes.
        made["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return made


def normal(name: str) -> str:
    """A distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path) -> dict[str, set[str]]:
    """Name -> versions of a lock (more than one where they differ by Python or machine)."""
    pins: dict[str, set[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        found = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if found:
            pins.setdefault(normal(found[1]), set()).add(found[2])
    return pins


def installed(environment: Path) -> dict[str, str]:
    """Name -> version of what lies in an environment, without a build's local part (+cpu)."""
    folders = [str(p) for p in environment.glob("lib/python3.*/site-packages")]
    return {
        normal(found.metadata["Name"]): found.version.partition("+")[0]
        for found in metadata.distributions(path=folders)
    }


def strangers(
    before: dict[str, str], after: dict[str, str], pins: dict[str, set[str]]
) -> list[str]:
    """What an installation brought that the lock does not have, as name==version."""
    return sorted(
        f"{name}=={version}" for name, version in after.items()
        if before.get(name) != version and version not in pins.get(name, set())
        and name not in _SEEDED
    )


def _run(command: list[str], log: Path, variables: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, **(variables or {})}, check=False,
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"$ {' '.join(command)}\n{variables or ''}\n{done.stdout}", encoding="utf-8")
    if done.returncode:
        told = explained(done.stdout)
        if told is None:
            tail = "\n".join(done.stdout.splitlines()[-20:])
            told = f"the installation failed; {log} has all of it, and it ends so:\n{tail}"
        raise Stopped(told)


def _run_or_offline(command: list[str], log: Path, variables: dict[str, str]) -> None:
    """Runs uv; without a network, what it downloaded before may be enough."""
    try:
        _run(command, log, variables)
    except Stopped as problem:
        if str(problem) != _NO_NETWORK:
            raise
        try:
            _run([*command, "--offline"], log, variables)
        except Stopped:
            raise problem from None


def _environment(folder: Path, log: Path) -> Path:
    """The interpreter of an environment, which is made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(folder)], log)
    return python


def uv() -> Path:
    """The installer of `locks/uv.txt`, in an environment of its own."""
    program = _UV / "bin" / "uv"
    log = _UV.with_name(_UV.name + ".log")
    pins = locked(_LOCKS / "uv.txt")
    if not program.exists() or installed(_UV).get("uv") not in pins["uv"]:
        python = _environment(_UV, log)
        _run([str(python), "-m", "pip", "install", "--no-deps", "-r", str(_LOCKS / "uv.txt")], log)
    log.unlink(missing_ok=True)
    return program


def _pip_settings() -> dict[str, str]:
    listed = subprocess.run(
        [str(_UV / "bin" / "python"), "-m", "pip", "config", "list"],
        capture_output=True, text=True, check=False,
    ).stdout
    return {k: v for k, v in settings_for_uv(listed).items() if k not in os.environ}


def install(asked: argparse.Namespace) -> None:
    """Makes or completes the environment.

    Raises:
        Stopped: With the sentence for the person.
    """
    supported((sys.version_info[0], sys.version_info[1]), sys.executable)
    folder = Path(asked.environment)
    free = shutil.disk_usage(folder.absolute().parent).free / 1e9
    if free < asked.gigabytes and not (folder / "bin").is_dir():
        raise Stopped(
            f"{folder} needs about {asked.gigabytes:g} GB of disk and {free:.1f} GB are free: "
            "free some and run the same command again"
        )
    log = folder.absolute().with_name(folder.name + ".log")
    program = uv()
    python = _environment(folder, log)
    before = installed(folder)
    command = [str(program), "pip", "install", "--python", str(python)]
    if asked.newest:
        command.append("--upgrade")
    else:
        command += ["--constraint", asked.lock, "--build-constraint", asked.lock]
    for flag, values in (("-r", asked.requirements), ("--override", asked.override)):
        command += [word for value in values for word in (flag, value)]
    print(f"Installing into {folder}, which takes a minute or more the first time.", flush=True)
    command += asked.package
    settings = _pip_settings()
    _run_or_offline(command, log, settings)
    if not asked.newest:
        own = {normal(Path(p).name.split("-")[0]) for p in asked.package}
        new = {k: v for k, v in installed(folder).items() if k not in own}
        left = strangers(before, new, locked(Path(asked.lock)))
        if left:
            raise Stopped(
                f"{asked.lock} does not have {', '.join(left)}, which came with the "
                "requirements: run `make lock`"
            )
    log.unlink(missing_ok=True)


def main() -> None:
    """Reads the arguments and installs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("environment", help="folder of the environment, made where it is missing")
    parser.add_argument("package", nargs="*", help="wheels to install besides")
    parser.add_argument("-r", dest="requirements", action="append", default=[])
    parser.add_argument("--override", action="append", default=[])
    parser.add_argument("--gigabytes", type=float, default=4, help="disk that a new one needs")
    versions = parser.add_mutually_exclusive_group(required=True)
    versions.add_argument("--lock", help="exact versions of everything")
    versions.add_argument(
        "--newest", action="store_true", help="the newest versions that the requirements allow"
    )
    try:
        install(parser.parse_args())
    except Stopped as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
