"""Fills an instruction's template with an input: (Instruction, Example) -> Prompt.

Does not handle chat formats; see `chat_formats`, which the engine applies.
"""

import re
from collections.abc import Callable, Sequence

from robustness.errors import InputError
from robustness.types import Example, Instruction, Prompt

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

PLACEHOLDER = r"\{([a-z_][a-z0-9_]*)\}"
"""Regular expression of a placeholder: lower-case letters, digits and _ in braces."""

_PLACEHOLDER = re.compile(PLACEHOLDER)


def check_options(options: Sequence[str]) -> None:
    """Refuses more options than there are letters.

    Raises:
        InputError: There are more.
    """
    if len(options) > len(LETTERS):
        raise InputError(
            f"an input can have {len(LETTERS)} options, as many as there are letters; "
            f"found {len(options)}"
        )


def _first_letters(count: int) -> str:
    if count > len(LETTERS):
        raise InputError(
            f"the instruction lists options by letters, which end at {LETTERS[-1]}, found {count} "
            f"options; give at most {len(LETTERS)}"
        )
    return LETTERS[:count]


def _letters(words: Sequence[str], mark: str) -> str:
    letters = _first_letters(len(words))
    return "\n".join(mark.format(*pair) for pair in zip(letters, words, strict=True))


OPTION_FORMATS: dict[str, Callable[[Sequence[str]], str]] = {
    "dashes": lambda words: "\n".join(f"- {word}" for word in words),
    "stars": lambda words: "\n".join(f"* {word}" for word in words),
    "commas": ", ".join,
    "slashes": " / ".join,
    "or": lambda words: ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0],
    "bars": " | ".join,
    "quoted": lambda words: ", ".join(f'"{word}"' for word in words),
    "letters_dot": lambda words: _letters(words, "{}. {}"),
    "letters_paren": lambda words: _letters(words, "({}) {}"),
}
"""Name -> how `{options}` is written. With a `letters_*` format the letter is the answer."""

DEFAULT_OPTION_FORMAT = "dashes"
DEFAULT_CUE = "Answer:"


def placeholders(text: str) -> list[str]:
    """Names of the placeholders in a template, in order of appearance."""
    return _PLACEHOLDER.findall(text)


def field_name(name: str) -> str:
    """A column's name turned into a placeholder's name: `Sentence-1` becomes `sentence_1`."""
    spelt = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "field"
    return f"field_{spelt}" if spelt[0].isdigit() else spelt


def answers_by_letter(instruction: Instruction) -> bool:
    """Whether the instruction asks for an option's letter."""
    return instruction.option_format.startswith("letters_")


def label_words(instruction: Instruction, options: Sequence[str]) -> tuple[str, ...]:
    """The label words of an instruction: what is scored for each canonical option."""
    if answers_by_letter(instruction):
        return tuple(_first_letters(len(options)))
    return tuple(instruction.label_words.get(option, option) for option in options)


def compose(instruction: str, fields: Sequence[str], *, listed: bool) -> str:
    """The default template around an instruction without placeholders.

    Instruction, input fields, options and the cue `Answer:`, each on its own line.

    Args:
        instruction: The instruction's text.
        fields: Names of the input's fields.
        listed: Whether the options are listed.
    """
    lines = [instruction.strip()]
    lines += [
        "{" + name + "}" if len(fields) == 1 else f"{name.capitalize()}: {{{name}}}"
        for name in fields
    ]
    if listed:
        lines.append("Options:\n{options}")
    return "\n".join([*lines, DEFAULT_CUE])


def template_of(instruction: Instruction, fields: Sequence[str]) -> str:
    """The template to fill: the instruction's text, or `compose` where it has no placeholders."""
    if placeholders(instruction.text):
        return instruction.text
    return compose(instruction.text, fields, listed=bool(instruction.option_format))


def check(instruction: Instruction, example: Example) -> None:
    """Whether an instruction's template can be filled with one input.

    Raises:
        InputError: The template has a placeholder for which the input has no field, or the option
            format is unknown.
    """
    names = placeholders(template_of(instruction, list(example.fields)))
    style = instruction.option_format or DEFAULT_OPTION_FORMAT
    if "options" in names and style not in OPTION_FORMATS:
        raise InputError(
            f"option format {style!r} is unknown; choose one of {', '.join(OPTION_FORMATS)}"
        )
    missing = [name for name in names if name not in {*example.fields, "options"}]
    if missing:
        raise InputError(
            f"the instruction has the placeholder {{{missing[0]}}}, the input has "
            f"{', '.join('{' + name + '}' for name in example.fields) or 'no fields'}"
        )


def fill(instruction: Instruction, example: Example) -> Prompt:
    """Fills an instruction's template with one input.

    Raises: As `check`.
    """
    check(instruction, example)
    words = tuple(instruction.label_words.get(option, option) for option in example.options)
    values = dict(example.fields)
    template = template_of(instruction, list(example.fields))
    names = placeholders(template)
    if "options" in names:
        style = instruction.option_format or DEFAULT_OPTION_FORMAT
        values["options"] = OPTION_FORMATS[style](words)
    text = _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)
    return Prompt(
        instruction_id=instruction.id,
        example_id=example.id,
        text=text.strip(),
        options=label_words(instruction, example.options),
    )
