"""Joins JavaScript modules into one script, so that a browser asks once and not in a chain.

The modules stay standard ones that a browser could load as they are. Each becomes a function that
returns its exports; imports become constants of what other modules' functions returned.
"""

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

_IMPORT = re.compile(
    r"^import\s+(?:\* as (?P<whole>\w+)|\{(?P<names>[^}]*)\}|(?P<document>\w+))\s+"
    r"from '\./(?P<path>[\w/]+)\.(?P<kind>js|json)'(?: with \{ type: 'json' \})?;\n",
    re.MULTILINE,
)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function|const|class) (\w+))", re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n|^ */\*\*[\s\S]*?\*/\n", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*|\bimport\(.*", re.MULTILINE)


def joined(folder: Path, first: str) -> str:
    """One script that runs a module and all that it imports, each once, in the order of imports.

    Args:
        folder: Where the modules lie.
        first: Name of the module that is run, without `.js`.

    Raises:
        ValueError: A module imports or exports in a way that is not read here.
        graphlib.CycleError: Modules import each other.
    """
    texts: dict[str, str] = {}
    graph: dict[str, set[str]] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        texts[name] = (folder / f"{name}.js").read_text(encoding="utf-8")
        found = [m for m in _IMPORT.finditer(texts[name]) if m["kind"] == "js"]
        graph[name] = {m["path"] for m in found}
        waiting += graph[name]
    return "".join(
        _function(name, texts[name], folder) for name in TopologicalSorter(graph).static_order()
    )


def _function(name: str, text: str, folder: Path) -> str:
    """A module as a constant: what its function returned."""

    def imported(match: re.Match[str]) -> str:
        if match["document"]:
            found = json.loads((folder / f"{match['path']}.json").read_text(encoding="utf-8"))
            compact = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
            return f"const {match['document']} = {compact};\n"
        if match["whole"]:
            return f"const {match['whole']} = ${match['path']};\n"
        return f"const {{{match['names'].replace(' as ', ': ')}}} = ${match['path']};\n"

    exports = _EXPORT.findall(text)
    body = _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub(imported, text)))
    left = _LEFT.search(body)
    if left:
        raise ValueError(f"{name}.js: {left[0]!r} is not read by {__name__}")
    return f"const ${name} = (() => {{\n{body}return {{ {', '.join(exports)} }};\n}})();\n"
