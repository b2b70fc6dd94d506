"""README and docs/: commands exist with their options, examples run, links lead somewhere."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import click
import pandas as pd
import pytest
from fastapi import FastAPI

import robustness
from robustness import cli, paths
from robustness.data import instructions
from robustness.models import adapters, difference
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server import options as server_options
from server.application import create_app
from server.settings import Settings

PAGES = sorted(
    str(p.relative_to(paths.ROOT))
    for p in (*paths.ROOT.glob("*.md"), *(paths.ROOT / "docs").glob("*.md"),
              paths.ROOT / "benchmarks" / "README.md", paths.ROOT / "assets/published/README.md")
)
DEFAULT_ADDRESS = "http://127.0.0.1:7860"
PYTHON = ".venv/bin/python"
PROGRAM = [PYTHON, "-m", "robustness"]
SERVERS = ([PYTHON, "app.py"], [PYTHON, "-m", "server"])
ELSEWHERE = {"curl", "git", "grep", "make", "pip", "python"}
"""Programs of the examples that are not this project's; make's targets and curl's URLs are checked
apart."""


def read(page: str) -> str:
    return (paths.ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", read(page), re.S)


def lines(page: str) -> Iterator[list[str]]:
    """The words of each command line of a page's bash blocks, comments and variables left out."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words:
                yield words


def commands(page: str) -> list[list[str]]:
    """Arguments of the program's commands in a page's bash blocks."""
    return [words[3:] for words in lines(page) if words[:3] == PROGRAM]


def parsed(arguments: list[str]) -> click.Context:
    """What the command line makes of arguments, without running them."""
    command = cli.app
    context = click.Context(command, info_name="robustness")
    while isinstance(command, click.Group) or hasattr(command, "resolve_command"):
        name, found, arguments = command.resolve_command(context, list(arguments))
        assert found is not None
        command = found
        context = command.make_context(name, list(arguments), parent=context)
        arguments = [*context._protected_args, *context.args]
    return context


def target_of(words: list[str]) -> list[str]:
    """Make's targets in a command line."""
    return [w for w in words[1:] if "=" not in w]


def anchors(page: str) -> set[str]:
    """What `#...` may name in a page, by GitHub's rule."""
    text = re.sub(r"```.*?```", "", read(page), flags=re.S)
    made = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        made.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return made


def links(page: str) -> list[str]:
    """The targets of a page's links and pictures that lie in the project."""
    text = re.sub(r"```.*?```|`[^`]*`", "", read(page), flags=re.S)
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_exists_with_its_options(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reading the option `--model` would fetch the base of a difference that is there.
    monkeypatch.setattr(difference, "applied", lambda folder: folder)
    make = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
    for words in lines(page):
        if words[:3] == PROGRAM:
            parsed(words[3:])
        elif words[:2] in SERVERS or words[:3] in SERVERS:
            given = words[2:] if words[1] == "app.py" else words[3:]
            server_options.settings_from(given, environment={})
        elif words[0] == "make":
            for target in target_of(words):
                assert re.search(rf"^{target}:", make, re.M), f"make {target}"
        elif words[0] == PYTHON and words[1].endswith(".py"):
            assert (paths.ROOT / words[1]).is_file(), words[1]
        elif words[:2] == [PYTHON, "-m"]:
            assert (paths.ROOT / f"{words[2].replace('.', '/')}.py").is_file(), words[2]
        else:
            assert words[0] in ELSEWHERE, words


def test_an_option_that_does_not_exist_is_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed(["evaluate", "--tasks", "x", "--instructions", "y", "--out", "z", "--fast"])
    with pytest.raises(SystemExit):
        server_options.settings_from(["--fast"], environment={})


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: str) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        found = ((paths.ROOT / page).parent / name).resolve() if name else paths.ROOT / page
        assert found.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(str(found.relative_to(paths.ROOT))), f"{page}: {link}"


def test_the_pages_are_linked_from_the_readme_and_the_index() -> None:
    for page in (paths.ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name}" in read("README.md") or page.name == "index.md"
        assert page.name == "index.md" or f"({page.name})" in read("docs/index.md")


def test_the_readme_has_at_most_nine_hundred_words() -> None:
    assert len(read("README.md").split()) <= 900


def test_the_readmes_table_of_reliability_is_the_pages() -> None:
    whole = re.findall(r"^\| .+ \|$", read("docs/reliability.md"), re.M)
    _, begin, rest = read("README.md").partition("<!-- make torture -->")
    assert begin
    short = re.findall(r"^\| .+ \|$", rest.partition("<!-- end -->")[0], re.M)
    assert len(short) > 5
    assert [row.split(" | ")[:5] for row in whole] == [row[:-2].split(" | ") for row in short]


def test_the_version_of_the_citation_and_the_changelog_is_the_packages() -> None:
    cited = read("CITATION.cff")
    date = re.search(r"^date-released: (\S+)$", cited, re.M)
    assert date is not None
    assert f"version: {robustness.__version__}\n" in cited
    assert f"## {robustness.__version__} - {date[1]}\n" in read("CHANGELOG.md")


@pytest.mark.parametrize("page", ["README.md", "docs/command-line.md"])
def test_the_python_of_a_page_runs_as_written(
    page: str, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"^-?\d+\.\d( points)? \[-?\d+\.\d, -?\d+\.\d\]$", printed, re.M)


def test_readme_needs_five_lines_of_python() -> None:
    (block,) = blocks("README.md", "python")
    assert len([line for line in block.splitlines() if line.strip()]) <= 5


@pytest.fixture(scope="module")
def address(
    backbone: Path, tmp_path_factory: pytest.TempPathFactory,
    serve: Callable[[FastAPI], AbstractContextManager[str]],
) -> Iterator[str]:
    """A server on the embedded backbone with what ships for it."""
    engine = TransformersEngine(backbone, prefixes=adapters.shipped(backbone))
    settings = Settings(jobs=tmp_path_factory.mktemp("jobs"))
    with serve(create_app(Workbench(engine), settings)) as url:
        yield url


def test_the_curl_commands_of_the_server_page_are_answered(address: str) -> None:
    asked = [words for words in lines("docs/server.md") if words[0] == "curl"]
    assert len(asked) >= 3
    for words in asked:
        given = [w.replace(DEFAULT_ADDRESS, address) for w in words]
        done = subprocess.run(
            [*given, "--silent", "--fail-with-body", "--noproxy", "*"], cwd=paths.ROOT,
            capture_output=True, text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "error" not in json.loads(done.stdout) or json.loads(done.stdout)["error"] is None


def test_openais_client_is_answered_as_on_the_server_page(address: str) -> None:
    (block,) = blocks("docs/server.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", block.replace(DEFAULT_ADDRESS, address)],
        capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "steadfast-mini+pt-kl" in done.stdout


@pytest.mark.slow
def test_the_worked_example_runs_as_written(
    backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = tmp_path / "two.csv"
    table = pd.read_csv(paths.ASSETS / "examples" / "relation_instructions.csv")
    table.assign(task=str(paths.ROOT / "assets/examples/relations.csv"))[:2].to_csv(two)
    less = {"evaluate": ["--limit", "4"], "paraphrase": ["--count", "1"]}
    seen = []
    for arguments in commands("docs/relation-extraction.md"):
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


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([], None), (["--perturbations"], "all"), (["--perturbations", "--free"], "all"),
        (["--perturbations", "typos,polite"], "typos,polite"),
    ],
)
def test_an_option_may_stand_without_its_value(given: list[str], names: str | None) -> None:
    context = parsed(["evaluate", "--tasks", "x", "--instructions", "y", "--out", "z", *given])
    assert context.params["surface"] == names
