"""Renders a tokenizer's chat template with fixed arguments: its date, a system prompt, and others.

A template may ask for the date of today (`strftime_now`). Here it gets the date that was given, or
that of the start, so that a model's prompts do not change while it runs.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any

from jinja2 import TemplateError

from robustness.errors import InputError
from robustness.models.load_options import TemplateOptions

PROBE = "Is it red?"
"""A prompt that templates are tried on."""
_DAYS = (date(2001, 1, 2), date(2022, 11, 30))
"""Two days that share no part of their names."""
_NAME = "chat_template"
_NOW = "strftime_now"
_DIRECTIVES = (
    *(f"%-{letter}" for letter in "dmHIMSjy"),
    *(f"%{letter}" for letter in "aAwdbBmyYHIpMSfjUWcxXFTDe"),
    "%%",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How a chat template is rendered."""

    day: date = field(default_factory=date.today)
    """The date of today, as the template is told it."""
    system: str | None = None
    """The system prompt of conversations that have none."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Variables of the template, such as `enable_thinking`."""
    parts: bool = False
    """Whether the template wants a message's content as a list of parts."""

    def turns(self, messages: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """Messages as the template takes them."""
        own = any(m["role"] == "system" for m in messages)
        first = [{"role": "system", "content": self.system}] if self.system and not own else []
        turns: list[dict[str, Any]] = [*first, *(dict(m) for m in messages)]
        if not self.parts:
            return turns
        return [m | {"content": [{"type": "text", "text": m["content"]}]} for m in turns]

    def render(
        self, tokenizer: Any, messages: Sequence[Mapping[str, str]], *, answered: bool = False
    ) -> str:
        """The text of a conversation.

        Args:
            tokenizer: A tokenizer with a chat template.
            messages: Dicts with `role` and `content`.
            answered: Whether the last message is an answer; otherwise the text ends where the
                model is to answer.

        Raises:
            InputError: The template does not accept the conversation.
        """
        arguments = dict(self.arguments)
        try:
            template = tokenizer.get_chat_template(arguments.pop(_NAME, None))
            return str(
                tokenizer.apply_chat_template(
                    self.turns(messages), tokenize=False, add_generation_prompt=not answered,
                    chat_template=self._on_its_day(template), **arguments,
                )
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise InputError(
                f"messages: the model's chat template does not accept them: {error}"
            ) from error

    def _on_its_day(self, template: str) -> str:
        """A template in which `strftime_now` gives the date of this rendering.

        transformers passes no functions to templates, so that a macro stands in for its own.
        """
        if _NOW not in template:
            return template
        then = datetime.combine(self.day, time())
        filters = "".join(
            f" | replace({directive!r}, {then.strftime(directive)!r})" for directive in _DIRECTIVES
        )
        return f"{{% macro {_NOW}(form) %}}{{{{ form{filters} }}}}{{% endmacro %}}{template}"

    def dated(self, tokenizer: Any) -> bool:
        """Whether the text depends on the date."""
        first, second = (replace(self, day=day).render(tokenizer, _ASKED) for day in _DAYS)
        return first != second


_ASKED = ({"role": "user", "content": PROBE},)
_OTHERWISE = ({"role": "user", "content": "Was he old?"},)


def of_request(tokenizer: Any, way: Rendering, arguments: Mapping[str, Any]) -> Rendering:
    """A rendering with further variables for one conversation.

    Raises:
        InputError: An argument is not a template's. Another template cannot be chosen so.
    """
    if wrong := sorted((_taken(tokenizer) | {_NAME}) & arguments.keys()):
        raise InputError(
            f"chat_template_kwargs: {wrong[0]} is no variable of a chat template; leave it out"
        )
    return replace(way, arguments={**way.arguments, **arguments})


def _taken(tokenizer: Any) -> set[str]:
    """Names of arguments that are the rendering's own."""
    return set(inspect.signature(tokenizer.apply_chat_template).parameters) - {_NAME, "kwargs"}


def rendering(tokenizer: Any, options: TemplateOptions) -> Rendering:
    """How a tokenizer's chat template is rendered with the user's options.

    Raises:
        InputError: The tokenizer has several templates and none was chosen, an argument is not a
            template's, or the template does not show the prompt.
    """
    arguments = dict(options.arguments)
    if wrong := sorted(_taken(tokenizer) & arguments.keys()):
        raise InputError(f"--template-arg {wrong[0]}: it is no variable of a chat template")
    _check_name(tokenizer.chat_template, arguments.get(_NAME))
    plain = Rendering(
        day=options.day or date.today(), system=options.system, arguments=arguments
    )
    reason = ""
    for way in (plain, replace(plain, parts=True)):
        try:
            # It may change the prompt (to capitals, say), but must not leave it out.
            if way.render(tokenizer, _ASKED) != way.render(tokenizer, _OTHERWISE):
                return way
        except InputError as error:
            reason = reason or f" ({error})"
    raise InputError(
        f"the model's chat template does not show the prompt{reason}; name a format with "
        "--prompt-format, such as none"
    )


def _check_name(template: Any, chosen: Any) -> None:
    named = sorted(template) if isinstance(template, dict) else []
    if chosen is not None and chosen not in named:
        raise InputError(
            f"--template-arg {_NAME}={chosen}: the tokenizer has "
            f"{'the templates ' + ', '.join(named) if named else 'one template without a name'}"
        )
    if named and chosen is None and "default" not in named:
        raise InputError(
            f"the tokenizer has the chat templates {', '.join(named)} and no default; choose one "
            f"with --template-arg {_NAME}=NAME"
        )


def described(way: Rendering, *, dated: bool) -> str:
    """The options of a rendering that change its text, as a format's name shows them."""
    told = [f"date={way.day.isoformat()}"] if dated else []
    told += [f"{k}={json.dumps(v, sort_keys=True)}" for k, v in sorted(way.arguments.items())]
    return ",".join([*told, *(["system"] if way.system else [])])
