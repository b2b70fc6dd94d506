"""The words of the page in each language, and the served page."""

import gzip
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from robustness import paths
from robustness.data import instructions, tasks
from robustness.evaluation.perturbations.kinds import Kind
from server import gate, login
from server.page import findings_tab, head, shipped

SCRIPTS = {p.name: p.read_text(encoding="utf-8") for p in sorted(head.STATIC.glob("*.js"))}
ENGLISH = head.words("en")
FOLDERS = (paths.BACKBONE, paths.TUNED)
"""Of the models that ship."""
_NAME = re.compile(r"\{(\w+)\}")


def asked() -> set[str]:
    """Keys of words in the scripts; a computed key stands for all keys with its beginning."""
    text = "\n".join(SCRIPTS.values())
    found = set(re.findall(r"\bt\('([^']+)'", text))
    dotted = re.findall(r"'([a-z]+(?:\.[a-z0-9_]+)+)'", text)
    found |= {k for k in dotted if not k.endswith((".csv", ".json", ".jsonl", ".js"))}
    begun = set(re.findall(r"\bt\(`([a-z.]+)\$\{", text))
    begun |= {f"{k}." for k in re.findall(r"\bcount\('([^']+)'", text)}
    found = {k for k in found if f"{k}." not in begun}
    return found | {k for k in ENGLISH if any(k.startswith(b) for b in begun)}


@pytest.mark.parametrize("language", head.LANGUAGES)
def test_a_language_has_every_word_and_no_other(language: str) -> None:
    table = head.words(language)
    assert set(table) == set(ENGLISH)
    for key, words in table.items():
        assert words.strip(), key
        assert sorted(_NAME.findall(words)) == sorted(_NAME.findall(ENGLISH[key])), key


def test_the_second_language_is_translated() -> None:
    other = head.words("de")
    same = {k for k, v in ENGLISH.items() if other[k] == v}
    assert len(same) < 12, same


def test_every_word_that_the_scripts_ask_for_is_there_and_used() -> None:
    places = sorted(Path(findings_tab.__file__).parent.glob("*.py"))
    places += [Path(module.__file__) for module in (gate, login)]
    tables = "\n".join(place.read_text(encoding="utf-8") for place in places)
    keys = asked() | set(re.findall(r"""\bword\(\s*["']([^"']+)["']""", tables))
    keys |= set(re.findall(r'login\.page\(scope, "([^"]+)"', tables))
    assert keys <= set(ENGLISH), keys - set(ENGLISH)
    # The library's sentences have tests of their own.
    assert {k for k in set(ENGLISH) - keys if not k.startswith("said.")} == set()


def test_every_task_alteration_and_example_has_words() -> None:
    assert {f"task.{t.id}" for t in tasks.listed()} <= set(ENGLISH)
    assert {f"kind.{k.replace(' ', '_')}" for k in Kind} <= set(ENGLISH)
    assert {f"rule.{name}" for name in head.data(None)["rules"]} <= set(ENGLISH)
    assert {f"chip.{e['name']}" for folder in FOLDERS for e in shipped.opening(folder)} <= set(
        ENGLISH
    )


def test_scripts_are_short_and_ask_nothing_from_outside() -> None:
    for name, text in SCRIPTS.items():
        assert text.count("\n") < 400, name
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), name


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.data: list[str] = []
        self.places: list[str] = []
        self._in = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in = given.get("id") == "sf-data"
        self.places += [v for k, v in given.items() if k in ("src", "href") and v]

    def handle_data(self, data: str) -> None:
        if self._in:
            self.data.append(data)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_page_has_the_first_card_and_names_only_local_files(folder: Path) -> None:
    parser = _Scripts()
    parser.feed(head.html(folder))
    found = json.loads("".join(parser.data))
    first = found["opening"]["examples"][0]
    assert first["shown"]["look"]["prediction"]["degradation"] > 0
    assert {t["id"] for t in found["tasks"]} == set(tasks.builtin_names())
    assert {p.split("?")[0] for p in parser.places} == {
        "page/static/page.js", "page/static/icon.png", "manifest.json", "docs",
    }


def test_the_page_s_script_has_every_module_and_a_page_is_small() -> None:
    for name in SCRIPTS:
        if name != "docs.js":
            assert f"const ${name.removesuffix('.js')} = " in head.script()
    sent = [gzip.compress(text.encode()) for text in (head.html(paths.BACKBONE), head.script())]
    assert sum(map(len, sent)) < 120_000


def test_no_opening_example_is_in_a_set_that_trains_calibrates_or_tests() -> None:
    known = {
        " ".join(i.text.split())
        for name in ("observed", "paraphrases", "unobserved-development", "unobserved-test")
        for i in instructions.builtin(name)
    }
    for example in itertools.chain(*map(shipped.opening, FOLDERS)):
        assert " ".join(example["asked"]["instruction"].split()) not in known
