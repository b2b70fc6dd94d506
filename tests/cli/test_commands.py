"""The table of commands says what the commands say, and listing or asking for help loads little."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustness import cli, paths
from robustness.cli import commands, lazy_group, library
from robustness.cli.lazy_group import Entry, LazyGroup
from robustness.data import defaults
from robustness.data.importers import sources
from robustness.evaluation import published
from robustness.evaluation.defaults import PUBLISHED_TABLES

HEAVY = ("torch", "transformers")
"""What no help and no light command may load."""
NOT_FOR_HELP = (*HEAVY, "numpy", "pandas", "sklearn", "scipy")


def entries(group: LazyGroup, *above: str) -> Iterator[tuple[tuple[str, ...], Entry]]:
    """Every command with its words."""
    for name, entry in group.table.items():
        if isinstance(entry, LazyGroup):
            yield from entries(entry, *above, name)
        else:
            yield (*above, name), entry


ALL = dict(entries(cli.app))
GROUPS = [()] + [(n,) for n, e in commands.COMMANDS.items() if isinstance(e, LazyGroup)]


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_line_of_the_table_is_the_first_sentence_of_the_docstring(words) -> None:
    entry = ALL[words]
    if entry.shared:
        assert entry.help == f"{words[-1]} of the published study."
        return
    first = inspect.getdoc(lazy_group.load(entry.place)).split("\n\n")[0]
    assert first.replace("\n", " ") == entry.help


def test_type_checkers_and_the_table_name_the_same_modules() -> None:
    tree = ast.parse(Path(library.__file__).read_text(encoding="utf-8"))
    (block,) = [n for n in tree.body if isinstance(n, ast.If)]
    imported = {}
    for line in block.body:
        assert isinstance(line, (ast.Import, ast.ImportFrom))
        for name in line.names:
            whole = f"{line.module}.{name.name}" if isinstance(line, ast.ImportFrom) else name.name
            imported[name.asname or name.name] = whole
    assert imported == library._PLACES
    assert sorted(imported) == sorted(library.__all__)


def test_names_that_help_shows_are_those_of_the_library() -> None:
    assert tuple(sources.SOURCES) == defaults.IMPORT_FORMATS
    assert published.NAMES == PUBLISHED_TABLES


def loaded(code: str, *arguments: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """Top-level modules that a program has loaded at its end, and how it ended."""
    program = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('LOADED', *{m.split('.')[0] for m in sys.modules}, "
        "file=sys.stderr))\n" + code
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=paths.ROOT, capture_output=True,
        text=True, check=False,
    )
    *_, last = done.stderr.splitlines()
    assert last.startswith("LOADED "), done.stderr
    return set(last.split()[1:]), done


_MODULE = "runpy.run_module('robustness', run_name='__main__', alter_sys=True)"
_EACH = """
from robustness import __main__ as program
for words in {words!r}:
    sys.argv[1:] = [*words, "--help"]
    try:
        program.main()
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
"""


def test_no_help_loads_a_library_that_computes() -> None:
    found, done = loaded(_EACH.format(words=[*GROUPS, *ALL]))
    assert done.returncode == 0, done.stderr
    assert not found.intersection(NOT_FOR_HELP)
    assert done.stdout.count("Usage:") == len(GROUPS) + len(ALL)


def test_a_command_of_texts_and_tables_loads_no_torch(tmp_path: Path) -> None:
    table = tmp_path / "instructions.csv"
    table.write_text("instruction,task\nSay where {name} is. {story},place\n", encoding="utf-8")
    measured = str(paths.ASSETS / "examples" / "measured.csv")
    for arguments in (
        ["published", "table3", "--draws", "100"],
        ["published", "fig3", "--draws", "100"],
        ["import", "csv", str(table), "--out", str(tmp_path / "out.jsonl")],
        ["predict", "Whereabouts is {name}? {story}", "--measurements", measured,
         "--task", "place"],
    ):
        found, done = loaded(_MODULE, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert not found.intersection(HEAVY), arguments


@pytest.mark.slow
def test_a_prediction_on_the_embedded_backbone_loads_nothing_for_tables_or_fits() -> None:
    found, done = loaded(
        _MODULE, "predict", "Say if this is a view or a fact.", "--task", "subjectivity"
    )
    assert done.returncode == 0, done.stderr
    assert "Predicted degradation" in done.stdout
    assert not found.intersection(("pandas", "pyarrow", "statsmodels", "mapie"))


@pytest.mark.slow
def test_the_demo_loads_no_library_that_computes_before_it_shows_its_page() -> None:
    found, done = loaded("import server.demo")
    assert done.returncode == 0, done.stderr
    assert "gradio" in found
    assert not found.intersection((*HEAVY, "sklearn", "scipy", "statsmodels", "faiss"))


def test_a_command_that_does_not_exist_exits_with_status_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["predcit"])
    assert ended.value.code == 2
    assert "predict" in capsys.readouterr().err
