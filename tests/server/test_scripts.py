import shutil
import subprocess
from graphlib import CycleError
from pathlib import Path

import pytest

from server import scripts
from server.page import head


def folder(tmp_path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
    return tmp_path


def run(script: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    return subprocess.run([node, "-e", script], capture_output=True, text=True, check=True).stdout


def test_joined_modules_run_once_and_see_each_other_s_exports(tmp_path: Path) -> None:
    made = folder(
        tmp_path,
        first="import * as all from './store.js';\n"
        "import { two as twice,\n  one } from './store.js';\n"
        "import words from './words.json' with { type: 'json' };\n"
        "console.log(one(), twice, all.two, words.hello);\n",
        store="// told once\nconsole.log('store');\n/** One. */\n"
        "export function one() { return 1; }\nexport const two = 2;\n",
    )
    (made / "words.json").write_text('{\n "hello": "Grüße"\n}', encoding="utf-8")
    script = scripts.joined(made, "first")
    assert "told once" not in script and "/** One" not in script
    assert run(script) == "store\n1 2 2 Grüße\n"


@pytest.mark.parametrize(
    "text", ["import './other.js';\n", "export default 1;\n", "const x = import('./other.js');\n"]
)
def test_what_would_be_lost_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"first\.js"):
        scripts.joined(folder(tmp_path, first=text), "first")


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    made = folder(
        tmp_path, a="import { b } from './b.js';\nexport const a = 1;\n",
        b="import { a } from './a.js';\nexport const b = 1;\n",
    )
    with pytest.raises(CycleError):
        scripts.joined(made, "a")


def test_the_page_s_script_is_valid(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text(head.script(), encoding="utf-8")
    run(f"new (require('vm').Script)(require('fs').readFileSync({str(tmp_path / 'page.js')!r}))")
