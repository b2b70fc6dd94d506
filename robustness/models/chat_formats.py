"""The words that a model was trained to see around a prompt.

Refuses to know models: a name, a tokenizer and texts in, texts out.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jinja2 import TemplateError

from robustness.errors import InputError

NONE = "none"

_POLITE = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)
_TEXTS = {
    NONE: "{prompt}",
    "alpaca": (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\n{prompt}\n\n### Response:"
    ),
    "vicuna": _POLITE + " USER: {prompt} ASSISTANT:",
    "wizardlm": "{prompt}\n\n### Response:",
}
_NAMED = (
    # From 13B and from version 1.1 on, WizardLM was trained on Vicuna's format.
    (re.compile(r"wizardlm.*(13b|30b|70b|v1\.[1-9])"), "vicuna"),
    (re.compile(r"wizardlm"), "wizardlm"),
    (re.compile(r"vicuna"), "vicuna"),
    (re.compile(r"alpaca"), "alpaca"),
)
"""Names of models that came before chat templates, the first match counts."""


class PromptFormat(StrEnum):
    """What `--prompt-format` takes."""

    AUTO = "auto"
    NONE = "none"
    ALPACA = "alpaca"
    VICUNA = "vicuna"
    WIZARDLM = "wizardlm"


def from_messages(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
    """A conversation in the tokenizer's chat template.

    Raises:
        InputError: The template refuses the conversation.
    """
    try:
        text = str(
            tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True
            )
        )
    except TemplateError as error:
        raise InputError(f"messages: the model's chat template refuses them: {error}") from error
    # Many templates write the first token that the tokenizer puts there by itself.
    first = tokenizer.bos_token
    if first and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(first)
    return text


def _by_name(model: str) -> str:
    name = re.split(r"[\\/]", model.rstrip("\\/"))[-1].lower()
    return next((chosen for pattern, chosen in _NAMED if pattern.search(name)), NONE)


@dataclass(frozen=True, slots=True)
class Format:
    """A chosen format."""

    name: str
    """`none`, `alpaca`, `vicuna`, `wizardlm`, or `chat@` and the template's hash: it is part of
    what identifies a representation."""
    tokenizer: Any

    def wrap(self, prompt: str) -> str:
        """The prompt as the model was trained to see one."""
        if self.name in _TEXTS:
            return _TEXTS[self.name].replace("{prompt}", prompt)
        return from_messages(self.tokenizer, [{"role": "user", "content": prompt}])

    def conversation(self, messages: Sequence[dict[str, str]]) -> str:
        """A conversation; without a chat template, the messages' texts, one a line, as one prompt.

        Raises:
            InputError: The tokenizer's chat template refuses it.
        """
        if self.tokenizer.chat_template and (self.name == NONE or self.name not in _TEXTS):
            return from_messages(self.tokenizer, messages)
        return self.wrap("\n".join(m["content"] for m in messages))


def choose(asked: str, model: str, tokenizer: Any) -> Format:
    """The format that is used.

    `auto` is the tokenizer's chat template, else what the model's name says, else none. A template
    that leaves a prompt as it is counts as none, so that representations keep their identity.

    Args:
        asked: One of `PromptFormat`.
        model: Folder or hub name.
        tokenizer: The model's.

    Raises:
        InputError: There is no such format.
    """
    if asked not in list(PromptFormat):
        raise InputError(
            f"no prompt format {asked!r}; choose one of {', '.join(PromptFormat)}"
        )
    if asked != PromptFormat.AUTO:
        return Format(str(asked), tokenizer)
    template = tokenizer.chat_template
    if not template:
        return Format(_by_name(model), tokenizer)
    digest = hashlib.sha256(str(template).encode()).hexdigest()[:8]
    chat = Format(f"chat@{digest}", tokenizer)
    return Format(NONE, tokenizer) if chat.wrap("Is it red?") == "Is it red?" else chat
