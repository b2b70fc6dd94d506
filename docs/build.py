"""Builds the documentation with a reference of every module: `make docs`.

The Markdown pages are copied with what they link to into `.docs/pages`, where they keep their
places, so that the links that work in the repository work in the site. A link that leads nowhere is
an error.
"""

import re
import shutil
import sys
from pathlib import Path

from mkdocs.__main__ import cli

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / ".docs"
STAGED = BUILT / "pages"
SITE = ROOT / "site"
PACKAGES = ("robustness", "server")
_PAGES = ("*.md", "docs/*.md", "benchmarks/*.md", "assets/backbone/*.md", "assets/published/*.md")
_LINK = re.compile(r"\]\(([^)\s#]+)")
_OUTSIDE = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"(?:https?:)?//|<link[^>]*\shref=\"(?:https?:)?//"
)


def pages() -> list[Path]:
    """The Markdown files that people read, relative to the project's folder."""
    return [p.relative_to(ROOT) for pattern in _PAGES for p in sorted(ROOT.glob(pattern))]


def copy(page: Path) -> None:
    """Copies a page and the files that it links to, which are no pages themselves."""
    for link in _LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        target = (ROOT / page.parent / link).resolve()
        if "://" in link or not target.is_relative_to(ROOT) or not target.is_file():
            continue
        place = STAGED / target.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, place)
    place = STAGED / page
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / page, place)


def modules() -> list[str]:
    """The dotted names of all modules, packages first."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if parts[-1] != "__main__":
                found.append(name)
    return found


def reference(names: list[str]) -> None:
    """A page a module, and one that lists them with the first line of their docstrings."""
    folder = STAGED / "reference"
    folder.mkdir(parents=True)
    rows = []
    for name in names:
        (folder / f"{name}.md").write_text(f"::: {name}\n", encoding="utf-8")
        source = ROOT.joinpath(*name.split("."))
        file = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
        first = re.match(r'"""(.+?)(?:"""|\n)', file.read_text(encoding="utf-8"))
        rows.append(f"| [`{name}`]({name}.md) | {first[1].strip() if first else ''} |")
    text = (
        "# Reference\n\nEvery module, from its docstrings. The public API is `robustness` itself; "
        "the rest may change between versions.\n\n| module | |\n|---|---|\n"
    )
    (folder / "index.md").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


def outside() -> list[Path]:
    """The built pages that would load a script, a style sheet or a picture from elsewhere."""
    return [p for p in SITE.rglob("*.html") if _OUTSIDE.search(p.read_text(encoding="utf-8"))]


def main() -> None:
    """Fills `.docs` and has mkdocs build `site`, with warnings as errors."""
    shutil.rmtree(BUILT, ignore_errors=True)
    for page in pages():
        copy(page)
    reference(modules())
    shutil.copyfile(ROOT / "docs" / "site.css", STAGED / "site.css")
    config = BUILT / "mkdocs.yml"
    shutil.copyfile(ROOT / "docs" / "mkdocs.yml", config)
    cli(["build", "--strict", "--config-file", str(config), *sys.argv[1:]], standalone_mode=False)
    if found := outside():
        sys.exit(f"error: {found[0].relative_to(ROOT)} loads something from another host")


if __name__ == "__main__":
    main()
