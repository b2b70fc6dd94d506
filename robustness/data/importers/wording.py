"""Turns a source's text with marked fields into a template of this project.

While a source's template language is evaluated, a field is written as its name between two control
characters (a mark), so that braces, quotes and percent signs of the text are not mistaken for
placeholders.
"""

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from robustness.data import prompts

OPEN, CLOSE = "\x02", "\x03"
MARK = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_NUMBERS = "numbers"
"""Options listed by number: not one of `prompts.OPTION_FORMATS`, so only used if the answer is
the option's text."""
_NUMBERED = re.compile(r"(.*?)[._]?(\d+|(?<=[a-z_.])[A-H])")
_OPTION_STEMS = frozenset(
    {"option", "options", "choice", "choices", "answer", "answers", "ending", "endings", "sol",
     "alternative", "candidate", "opa", "answer_choices", "answerchoices", "choices.text",
     "solution", "mult", "distractor", "candidate_answers"}
)


class UnreadableError(Exception):
    """An entry cannot be turned into a template; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """A template of this project."""

    text: str
    option_format: str = ""
    fields: tuple[str, ...] = ()
    """Names of its placeholders, without `options`."""
    changes: tuple[str, ...] = ()
    """Descriptions of how it differs from the source."""


def mark(name: str) -> str:
    """The mark of a field: its name between two control characters."""
    return f"{OPEN}{name}{CLOSE}"


def legal(name: str) -> str:
    """A name turned into a valid placeholder: `sentenceOne` becomes `sentence_one`."""
    name = name.strip()
    if prompts.placeholders("{" + name + "}") == [name]:
        return name
    spelt = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    return prompts.field_name(spelt)


def formatted(template: str) -> str:
    """A `str.format` template as marked text.

    Raises:
        UnreadableError: The braces do not match, or a field has no name.
    """
    made = []
    try:
        for literal, name, _, _ in string.Formatter().parse(template):
            made.append(literal)
            if name is not None:
                if not name.strip() or not re.match(r"[A-Za-z_]", name.strip()):
                    raise UnreadableError(f"the field {{{name}}} has no name")
                made.append(mark(name.strip()))
    except ValueError as error:
        raise UnreadableError(f"its braces do not match ({error})") from error
    return "".join(made)


def finish(
    text: str, *, options: Sequence[str] = (), lettered: bool | None = None, items: int = 0,
    fixed: bool = False,
) -> Worded:
    """Turns marked text into a template; a list of option fields becomes `{options}`.

    Args:
        text: The marked text.
        options: Names of the fields that are the options, in order, where the source tells them.
        lettered: Whether the answer is an option's letter; None: unknown.
        items: Number of items of a field over which the source loops as if it were a list; where
            they stand in a row, the field stands for all of them.
        fixed: Whether the answers are known words, so that no fields of the input are options.

    Raises:
        UnreadableError: The text has braces that would be taken for a placeholder.
    """
    style, changes = "", []
    groups = [] if fixed else _numbered(text)
    for names in ([list(options)] if len(options) > 1 else []) + list(groups):
        folded = _fold(text, names)
        if folded is None:
            continue
        listed, style, changed = folded
        if style.startswith(("letters_", _NUMBERS)) and lettered is False:
            style, changed = "dashes", "its options had letters or numbers but are answered by text"
        if style == _NUMBERS:
            continue  # There is no option format for it; the options stay separate fields.
        text = listed
        if changed:
            changes.append(f"{changed}; {{options}} lists them as `{style}`")
        break
    style = "" if style == _NUMBERS else style
    text, rows = _rows_folded(text, items)
    changes += rows
    if braced := re.search(prompts.PLACEHOLDER, MARK.sub("", text)):
        raise UnreadableError(f"{braced[0]} in its text would be read as a placeholder")
    names = list(dict.fromkeys(MARK.findall(text)))
    if "options" in map(legal, names) and not style:
        style = prompts.DEFAULT_OPTION_FORMAT
        changes.append(f"it does not say how {{options}} are written; listed as `{style}`")
    renamed = [f"{{{n}}} to {{{legal(n)}}}" for n in names if legal(n) != n]
    if renamed:
        changes.append(f"placeholders renamed: {', '.join(renamed)}")
    return Worded(
        text=MARK.sub(lambda m: "{" + legal(m[1]) + "}", text).strip(),
        option_format=style,
        fields=tuple(n for n in map(legal, names) if n != "options"),
        changes=tuple(changes),
    )


def _rows_folded(text: str, items: int) -> tuple[str, list[str]]:
    """Replaces the items of a field by the field where all stand in a row, parted alike."""
    changes = []
    if items > 1:
        tail = "".join(rf"\2{OPEN}\1\.{i}{CLOSE}" for i in range(2, items))
        row = re.compile(
            rf"{OPEN}([^{OPEN}{CLOSE}]+)\.0{CLOSE}([^{OPEN}{CLOSE}]*){OPEN}\1\.1{CLOSE}{tail}"
        )
        while found := row.search(text):
            text = text[: found.start()] + mark(found[1]) + text[found.end() :]
            changes.append(f"its items in a row became {{{legal(found[1])}}}")
    looped = dict.fromkeys(
        m[1] for name in MARK.findall(text) if (m := re.fullmatch(r"(.+?)\.\d+(?:\..*)?", name))
    )
    if items and looped:
        names = ", ".join(f"{{{legal(name)}}}" for name in looped)
        changes.append(f"it takes {names} apart; the items became fields of their own")
    return text, changes


def _numbered(text: str) -> Iterator[list[str]]:
    """Groups of fields that are numbered or lettered options, e.g. choiceA and choiceB."""
    stems: dict[str, list[str]] = {}
    for name in dict.fromkeys(MARK.findall(text)):
        match = _NUMBERED.fullmatch(name)
        if match and match[1].lower().rstrip("_.") in _OPTION_STEMS:
            stems.setdefault(match[1], []).append(name)
    yield from (names for names in stems.values() if len(names) > 1)


def _leads(i: int) -> dict[str, tuple[str, str]]:
    """Regular expression of how option i may begin -> (option format, name of the change)."""
    letter = f"[{prompts.LETTERS[i]}{prompts.LETTERS[i].lower()}]" if i < 26 else "(?!)"
    return {
        rf"\({letter}\)[ \t]*": ("letters_paren", ""),
        rf"{letter}\.[ \t]*": ("letters_dot", ""),
        rf"{letter}[ \t]?\)[ \t]*": ("letters_paren", "its options were lettered `A)`"),
        rf"\[{letter}\][.:]?[ \t]*": ("letters_paren", "its options were lettered `[A]`"),
        rf"\({letter}\)[.:][ \t]*": ("letters_paren", "its options were lettered `(A).`"),
        rf"{letter}\)\.[ \t]*": ("letters_paren", "its options were lettered `A).`"),
        rf"(?:[-*+•][ \t]*)?{letter}[ \t]*[:-][ \t]*":
            ("letters_dot", "its options were lettered `A:`"),
        rf"[-*+•][ \t]*{letter}\.[ \t]*": ("letters_dot", "its options were lettered `- A.`"),
        rf"\(?{i + 1}[.):]+[ \t]*": (_NUMBERS, ""),
        r"-[ \t]*": ("dashes", ""),
        r"\*[ \t]*": ("stars", ""),
        r"(?:[+•]|--|\[[+-]\])[ \t]*": ("dashes", "its options had another bullet"),
    }


_JOINED: tuple[tuple[str, str, str], ...] = (
    (r"[\"'‘“]{}[\"'’”]", r",?\s*(?:\b(?:or|and)\b\s*)?", "quoted"),
    (r"{}", r"\s*\|\s*", "bars"),
    (r"{}", r"\s*/\s*", "slashes"),
    (r"{}", r"\s*(?:,\s*(?:or\b\s*)|\bor\b\s*|,(?=[^\n]*\bor\b)\s*)", "or"),
    (r"{}", r"\s*,\s*(?:and\b\s*)?|\s+and\s+", "commas"),
    (r"{}", r"[ \t]*\n\s*", "dashes"),
)


def _fold(text: str, names: Sequence[str]) -> tuple[str, str, str] | None:
    """Replaces a list of the fields by `{options}`; None where the fields are not in one list."""
    marks = [re.escape(mark(name)) for name in names]
    for lead, (style, changed) in _leads(0).items():
        leads = [list(_leads(i))[list(_leads(0)).index(lead)] for i in range(len(marks))]
        block = r"[ \t]*[,;.]?\s*".join(a + b for a, b in zip(leads, marks, strict=True))
        if found := re.search(rf"(?<![\w{OPEN}]){block}", text):
            return _replaced(text, found, names, style, changed)
    for shape, separator, style in _JOINED:
        block = f"(?:{separator})".join(shape.format(m) for m in marks)
        if found := re.search(block, text):
            return _replaced(text, found, names, style, "")
    return None


def _replaced(
    text: str, found: re.Match[str], names: Sequence[str], style: str, changed: str
) -> tuple[str, str, str]:
    if style == _NUMBERS:
        return text[: found.start()] + mark("options") + text[found.end() :], style, changed
    written = prompts.OPTION_FORMATS[style]([mark(name) for name in names])
    if not changed and found[0] != written:
        changed = "its options were laid out otherwise"
    return text[: found.start()] + mark("options") + text[found.end() :], style, changed
