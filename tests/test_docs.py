"""The pages of docs/: every command exists with its options; the worked example runs."""

import re
import shlex
from pathlib import Path

import click
import pandas as pd
import pytest
import typer

from robustness import cli, paths
from robustness.data import instructions

DOCS = paths.ROOT / "docs"
_PROGRAM = [".venv/bin/python", "-m", "robustness"]


def commands(page: str) -> list[list[str]]:
    """Arguments of the program's commands in a page's bash blocks."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.S):
        lines = shlex.split(block.replace("\\\n", " ").replace("\n", " ;; "))
        line: list[str] = []
        for word in [*lines, ";;"]:
            if word != ";;":
                line.append(word)
                continue
            if line[:3] == _PROGRAM:
                found.append(line[3:])
            line = []
    return found


def parsed(arguments: list[str]) -> click.Context:
    """What the command line makes of arguments, without running them."""
    command = typer.main.get_command(cli.app)
    context = click.Context(command, info_name="robustness")
    while isinstance(command, click.Group) or hasattr(command, "resolve_command"):
        name, found, arguments = command.resolve_command(context, list(arguments))
        assert found is not None
        command = found
        context = command.make_context(name, list(arguments), parent=context)
        arguments = [*context._protected_args, *context.args]
    return context


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.glob("*.md")))
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    found = commands(page)
    assert len(found) >= 2
    for arguments in found:
        parsed(arguments)


def test_an_option_that_does_not_exist_is_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed(["evaluate", "--tasks", "x", "--instructions", "y", "--out", "z", "--fast"])


@pytest.mark.slow
def test_the_worked_example_runs_as_written(
    backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = tmp_path / "two.csv"
    table = pd.read_csv(paths.ASSETS / "examples" / "relation_instructions.csv")
    table.assign(task=str(paths.ROOT / "assets/examples/relations.csv"))[:2].to_csv(two)
    less = {"evaluate": ["--limit", "4"], "paraphrase": ["--count", "1"]}
    seen = []
    for arguments in commands("relation-extraction.md"):
        given = [a.replace("runs/", f"{tmp_path}/") for a in arguments]
        if given[0] == "score":
            given[1] = str(two)
        given = [str(paths.ROOT / a) if a.startswith("assets/") else a for a in given]
        with pytest.raises(SystemExit) as ended:
            cli.main([*given, *less.get(given[0], [])])
        assert not ended.value.code, capsys.readouterr().err
        seen.append(given[0])
    assert seen == ["import", "paraphrase", "evaluate", "predict", "score"]
    folder = tmp_path / "relations"
    assert len(instructions.read_collection(folder / "instructions.jsonl")) == 8
    assert len(instructions.read_collection(folder / "paraphrases.jsonl")) == 8
    assert (folder / "evaluation" / "report.html").stat().st_size > 10_000
    scored = pd.read_csv(folder / "scored.csv")
    assert list(scored["status"]) == ["ok", "ok"] and scored["accuracy_original"].notna().all()


def test_the_pages_are_linked_from_the_readme() -> None:
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert f"(docs/{page.name})" in readme
