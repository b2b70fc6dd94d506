"""The public API: names and signatures against the saved list, light to import, as documented.

After an intended change: `.venv/bin/python -m tests.test_public_api`, and a line in CHANGELOG.md.
"""

import dataclasses
import enum
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import robustness
from robustness import paths

SAVED = Path(__file__).with_name("public_api.txt")
AGAIN = "a public name or signature changed; see the docstring of tests/test_public_api.py"


def signature(function: object) -> str:
    """Parameters by name and kind; what has a default is marked."""
    parameters = [
        p.replace(
            annotation=p.empty, default=p.empty if p.default is p.empty else inspect.Signature
        )
        for p in inspect.signature(function).parameters.values()
        if p.name != "self"
    ]
    return str(inspect.Signature(parameters)).replace(f"={inspect.Signature!r}", "=...")


def lines(name: str, value: object) -> list[str]:
    """What users of one public name rely on."""
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return [f"{name}: {', '.join(f'{m.name}={m.value}' for m in value)}"]
    if dataclasses.is_dataclass(value):
        return [f"{name}{signature(value)}"]
    if isinstance(value, type) and issubclass(value, Exception):
        return [f"{name}: {', '.join(b.__name__ for b in value.__mro__[1:-2])}"]
    if not isinstance(value, type):
        return [f"{name}{signature(value)}" if callable(value) else f"{name}: a value"]
    found = [f"{name}{signature(value.__init__)}"]
    for member, what in sorted(vars(value).items()):
        if not member.startswith("_"):
            found.append(
                f"{name}.{member}"
                + (signature(what) if inspect.isfunction(what) else ": a property")
            )
    return found


def described() -> str:
    """The whole public API, a line a name or a method."""
    found = (lines(name, getattr(robustness, name)) for name in sorted(robustness.__all__))
    return "\n".join(line for part in found for line in part) + "\n"


def test_names_and_signatures_are_those_that_were_saved() -> None:
    assert described() == SAVED.read_text(encoding="utf-8"), AGAIN


def test_the_names_for_tools_are_the_names_at_run_time() -> None:
    assert set(robustness._PLACES) == set(robustness.__all__)
    source = Path(robustness.__file__).read_text(encoding="utf-8")
    for name, (module, attribute) in robustness._PLACES.items():
        assert f"from {module} import" in source
        assert attribute == name or f"{attribute} as {name}" in source


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Wokbench'"):
        _ = robustness.Wokbench


@pytest.mark.parametrize(
    "statement", ["import robustness", "from robustness import BACKBONE, Tier, RobustnessError"]
)
def test_importing_it_loads_no_model_library(statement: str) -> None:
    heavy = "{'torch', 'transformers', 'faiss', 'gradio', 'pandas'}"
    subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; assert not {heavy} & set(sys.modules)"],
        check=True, cwd=paths.ROOT,
    )


if __name__ == "__main__":
    SAVED.write_text(described(), encoding="utf-8")
