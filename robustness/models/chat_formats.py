"""Chat formats: the text that a model was trained with around a prompt, and what ends an answer.

The format is the tokenizer's chat template, or one of the formats of models that are older than
chat templates.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from robustness.errors import InputError
from robustness.models.chat_template import PROBE, Rendering, described, of_request, rendering
from robustness.models.load_options import PromptFormat, TemplateOptions

NONE = "none"
_NOTHING = TemplateOptions()

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


def from_messages(
    tokenizer: Any, messages: Sequence[dict[str, str]], way: Rendering
) -> str:
    """The text of a conversation by the tokenizer's chat template.

    Args:
        tokenizer: The model's tokenizer, with a chat template.
        messages: Dicts with `role` and `content`.
        way: How the template is rendered.

    Raises:
        InputError: The template does not accept the conversation.
    """
    text = way.render(tokenizer, messages)
    # Many templates write the beginning-of-text token, which the tokenizer adds as well.
    first = tokenizer.bos_token
    if first and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(first)
    return text


_ANSWER = "Xanadu"
"""Stands for an assistant's text when a template is asked what it puts behind one."""


def template_end(tokenizer: Any, way: Rendering | None = None) -> tuple[int, ...]:
    """Ids of the tokens that the chat template puts behind an assistant's text; () where nothing.

    They are cut behind the first special one: what follows it (often a line break) separates turns,
    and a model stops before it. A template without a special token there ends an answer with text.
    """
    if not tokenizer.chat_template:
        return ()
    messages = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": _ANSWER}]
    try:
        way = way or rendering(tokenizer, TemplateOptions())
        text = way.render(tokenizer, messages, answered=True)
    except InputError:
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
    token that ends an answer where that is not the tokenizer's end-of-text token; then, where the
    date or arguments change the text, `~`, the hash of a rendered prompt, and these in brackets.
    The name is part of the identity of a representation and of the scores stored with it."""
    tokenizer: Any
    end: tuple[int, ...]
    """Ids of the tokens that end an answer, scored with each option."""
    way: Rendering = field(default_factory=Rendering)
    """How the chat template is rendered."""
    broken: str = ""
    """Why the chat template cannot be used for a conversation."""

    def wrap(self, prompt: str) -> str:
        """A prompt in the chat format."""
        if self.name in _TEXTS:
            return _TEXTS[self.name].replace("{prompt}", prompt)
        return from_messages(self.tokenizer, [{"role": "user", "content": prompt}], self.way)

    def conversation(
        self, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """A conversation in the chat format; without a template, its texts joined to one prompt.

        Args:
            messages: Dicts with `role` and `content`.
            arguments: Further variables of the template, such as `enable_thinking`.

        Raises:
            InputError: The tokenizer's chat template does not accept it, or there are arguments
                and no template.
        """
        if self.tokenizer.chat_template and (self.name == NONE or self.name not in _TEXTS):
            if self.broken:
                raise InputError(self.broken)
            way = of_request(self.tokenizer, self.way, arguments) if arguments else self.way
            return from_messages(self.tokenizer, messages, way)
        if arguments:
            raise InputError(
                "chat_template_kwargs: prompts are not written by a chat template; leave it out"
            )
        return self.wrap("\n".join(m["content"] for m in messages))


def choose(
    asked: str, model: str, tokenizer: Any, options: TemplateOptions = _NOTHING
) -> Format:
    """Chooses the chat format of a model.

    `auto` is the tokenizer's chat template, else the format by the model's name, else none. A
    template that does not change a prompt counts as none.

    Args:
        asked: One of `PromptFormat`.
        model: The model's folder or its name on the hub.
        tokenizer: The model's tokenizer.
        options: What the chat template is told.

    Raises:
        InputError: There is no such format, the tokenizer's chat template cannot be used, or
            options are given for a format that takes none.
    """
    if asked not in list(PromptFormat):
        raise InputError(
            f"no prompt format {asked!r}; choose one of {', '.join(PromptFormat)}"
        )
    template = tokenizer.chat_template
    if asked != PromptFormat.AUTO or not template:
        name = _by_name(model) if asked == PromptFormat.AUTO else str(asked)
        if options:
            raise InputError(
                "--template-date, --system-prompt and --template-arg are for a chat template; "
                f"the prompt format is {name}"
            )
        return _without_template(name, tokenizer)
    way = rendering(tokenizer, options)
    plain = (tokenizer.eos_token_id,)
    end = template_end(tokenizer, way) or plain
    chat = Format(_name(tokenizer, way, end), tokenizer, end, way)
    unchanged = chat.wrap(PROBE) == PROBE
    return Format(NONE, tokenizer, plain, way) if unchanged else chat


def _without_template(name: str, tokenizer: Any) -> Format:
    """A format of `_TEXTS`; conversations are in the tokenizer's chat template all the same."""
    way, broken = Rendering(), ""
    if tokenizer.chat_template:
        try:
            way = rendering(tokenizer, TemplateOptions())
        except InputError as error:
            broken = str(error)
    return Format(name, tokenizer, (tokenizer.eos_token_id,), way, broken)


def _name(tokenizer: Any, way: Rendering, end: tuple[int, ...]) -> str:
    """The name of a chat template's format; see `Format.name`."""
    template = hashlib.sha256(str(tokenizer.chat_template).encode()).hexdigest()[:8]
    usual = end == (tokenizer.eos_token_id,)
    ending = "" if usual else "+" + "".join(tokenizer.convert_ids_to_tokens(list(end)))
    told = described(way, dated=way.dated(tokenizer))
    if told:
        text = from_messages(tokenizer, [{"role": "user", "content": PROBE}], way)
        told = f"~{hashlib.sha256(text.encode()).hexdigest()[:8]}({told})"
    return f"chat@{template}{ending}{told}"
