"""Options for a model: revision, device, number type, prompt format, chat template, code that runs.

Imports neither torch nor transformers, so that the help of a command is shown at once. Does not
choose a device or a commit; see `robustness.models.placement`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from robustness.errors import InputError

AUTO = "auto"


class PromptFormat(StrEnum):
    """What `--prompt-format` takes; `robustness.models.chat_formats` has their texts."""

    AUTO = "auto"
    NONE = "none"
    ALPACA = "alpaca"
    VICUNA = "vicuna"
    WIZARDLM = "wizardlm"


class Dtype(StrEnum):
    """Values of the option `--dtype`."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class OptionScores(StrEnum):
    """What `--option-scores` takes: see `RepresentationSpec.prompt_format`."""

    SUM = "sum"
    PER_BYTE = "per-byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOptions:
    """What a chat template is told; part of the prompt format's identity where it changes it."""

    day: date | None = None
    """The date that stands for today; None: the day of the start."""
    system: str | None = None
    """A system prompt."""
    arguments: tuple[tuple[str, Any], ...] = ()
    """Variables of the template and their values, such as (`enable_thinking`, False)."""

    def __bool__(self) -> bool:
        """Whether anything was given."""
        return self != TemplateOptions()


def template_options(
    day: str | None, system: str | None, arguments: Sequence[str]
) -> TemplateOptions:
    """Template options from the command line.

    Args:
        day: A date as YYYY-MM-DD.
        system: The system prompt.
        arguments: Texts NAME=VALUE; a value that is JSON is its value, another is a text.

    Raises:
        InputError: The date or an argument is malformed, or an argument is given twice.
    """
    try:
        found = None if day is None else date.fromisoformat(day)
    except ValueError:
        raise InputError(f"--template-date takes YYYY-MM-DD; found {day!r}") from None
    made: dict[str, Any] = {}
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if not sign or not name.strip().isidentifier() or name.strip() in made:
            raise InputError(
                "--template-arg takes NAME=VALUE, each name once, such as enable_thinking=false; "
                f"found {argument!r}"
            )
        try:
            made[name.strip()] = json.loads(value)
        except (ValueError, RecursionError):
            made[name.strip()] = value
    return TemplateOptions(day=found, system=system or None, arguments=tuple(made.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """The user's options for loading a model."""

    revision: str | None = None
    """Branch, tag or commit on the hub; None: the main branch. A folder has none."""
    device: str = AUTO
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`..."""
    dtype: str = Dtype.AUTO
    """One of `Dtype`."""
    allow_pickle: bool = False
    """Whether weights may be read from pickled files, which can run code."""
    trust_remote_code: bool = False
    """Whether Python code from the model's repository may run."""
    option_scores: str = OptionScores.SUM
    """One of `OptionScores`."""
    template: TemplateOptions = TemplateOptions()
    """What the chat template is told."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments for every `from_pretrained`."""
        # Without it, transformers asks on the terminal whether remote code may run.
        told: dict[str, Any] = {"trust_remote_code": self.trust_remote_code}
        return told | ({"revision": self.revision} if self.revision else {})


PLAIN = Loading()
"""The default options."""
