"""Chat formats: the text that a model was trained with around a prompt, and what ends an answer.

The format is the tokenizer's chat template, or one of the formats of models that are older than
chat templates.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from robustness.errors import InputError
from robustness.models.load_options import PromptFormat

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
"""Name patterns of models older than chat templates -> format; the first match counts."""


def from_messages(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
    """The text of a conversation by the tokenizer's chat template.

    Args:
        tokenizer: The model's tokenizer, with a chat template.
        messages: Dicts with `role` and `content`.

    Raises:
        InputError: The template does not accept the conversation.
    """
    try:
        text = str(
            tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True
            )
        )
    except TemplateError as error:
        raise InputError(
            f"messages: the model's chat template does not accept them: {error}"
        ) from error
    # Many templates write the beginning-of-text token, which the tokenizer adds as well.
    first = tokenizer.bos_token
    if first and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(first)
    return text


_ANSWER = "Xanadu"
"""Stands for an assistant's text when a template is asked what it puts behind one."""


def template_end(tokenizer: Any) -> tuple[int, ...]:
    """Ids of the tokens that the chat template puts behind an assistant's text; () where nothing.

    They are cut behind the first special one: what follows it (often a line break) separates turns,
    and a model stops before it. A template without a special token there ends an answer with text.
    """
    if not tokenizer.chat_template:
        return ()
    messages = [
        {"role": "user", "content": "Is it red?"}, {"role": "assistant", "content": _ANSWER}
    ]
    try:
        text = str(tokenizer.apply_chat_template(messages, tokenize=False))
    except (TemplateError, TypeError, ValueError):
        # It takes no such conversation, so it cannot say.
        return ()
    _, found, behind = text.rpartition(_ANSWER)
    if not found:
        return ()
    ids: list[int] = tokenizer(behind, add_special_tokens=False).input_ids
    special = _special(tokenizer)
    cut = next((n for n, token in enumerate(ids, 1) if token in special), len(ids))
    return tuple(ids[:cut])


def _special(tokenizer: Any) -> set[int]:
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return set(tokenizer.all_special_ids) | {n for n, token in added.items() if token.special}


def stop_ids(tokenizer: Any) -> tuple[int, ...]:
    """The special token that ends an assistant's text in the chat template, where there is one."""
    special = _special(tokenizer)
    return tuple(token for token in template_end(tokenizer)[-1:] if token in special)


def _by_name(model: str) -> str:
    name = re.split(r"[\\/]", model.rstrip("\\/"))[-1].lower()
    return next((chosen for pattern, chosen in _NAMED if pattern.search(name)), NONE)


@dataclass(frozen=True, slots=True)
class Format:
    """A chat format of a model."""

    name: str
    """`none`, `alpaca`, `vicuna`, `wizardlm`, or `chat@` and the template's hash; then `+` and the
    token that ends an answer where that is not the tokenizer's end-of-text token. The name is part
    of the identity of a representation and of the scores stored with it."""
    tokenizer: Any
    end: tuple[int, ...]
    """Ids of the tokens that end an answer, scored with each option."""

    def wrap(self, prompt: str) -> str:
        """A prompt in the chat format."""
        if self.name in _TEXTS:
            return _TEXTS[self.name].replace("{prompt}", prompt)
        return from_messages(self.tokenizer, [{"role": "user", "content": prompt}])

    def conversation(self, messages: Sequence[dict[str, str]]) -> str:
        """A conversation in the chat format; without a template, its texts joined to one prompt.

        Raises:
            InputError: The tokenizer's chat template does not accept it.
        """
        if self.tokenizer.chat_template and (self.name == NONE or self.name not in _TEXTS):
            return from_messages(self.tokenizer, messages)
        return self.wrap("\n".join(m["content"] for m in messages))


def choose(asked: str, model: str, tokenizer: Any) -> Format:
    """Chooses the chat format of a model.

    `auto` is the tokenizer's chat template, else the format by the model's name, else none. A
    template that does not change a prompt counts as none.

    Args:
        asked: One of `PromptFormat`.
        model: The model's folder or its name on the hub.
        tokenizer: The model's tokenizer.

    Raises:
        InputError: There is no such format.
    """
    if asked not in list(PromptFormat):
        raise InputError(
            f"no prompt format {asked!r}; choose one of {', '.join(PromptFormat)}"
        )
    plain = (tokenizer.eos_token_id,)
    if asked != PromptFormat.AUTO:
        return Format(str(asked), tokenizer, plain)
    template = tokenizer.chat_template
    if not template:
        return Format(_by_name(model), tokenizer, plain)
    digest = hashlib.sha256(str(template).encode()).hexdigest()[:8]
    end = template_end(tokenizer) or plain
    ending = "" if end == plain else "+" + "".join(tokenizer.convert_ids_to_tokens(list(end)))
    chat = Format(f"chat@{digest}{ending}", tokenizer, end)
    unchanged = chat.wrap("Is it red?") == "Is it red?"
    return Format(NONE, tokenizer, plain) if unchanged else chat
