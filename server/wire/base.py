"""What all requests have in common: whole characters, and keys that are not offered."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from robustness.errors import InputError

NEUTRAL: dict[str, tuple[Any, ...]] = {
    # OpenAI's.
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "tool_calls": ([],),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "audio": (),
    "dimensions": (),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    # Of one of the two kinds of completions alone.
    "max_completion_tokens": (),
    "top_logprobs": (0,),
    # vLLM's and other servers': sampling.
    "top_k": (0, -1),
    "top_a": (0,),
    "min_p": (0,),
    "typical_p": (1,),
    "tfs_z": (1,),
    "mirostat": (0,),
    "repetition_penalty": (1,),
    "repeat_penalty": (1,),
    "length_penalty": (1,),
    "no_repeat_ngram_size": (0,),
    "use_beam_search": (False,),
    "num_beams": (1,),
    "do_sample": (),
    "logits_processors": ([],),
    "allowed_token_ids": (),
    "bad_words": ([],),
    # Where the text ends and what is shown of it.
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "stop_token_ids": ([],),
    "include_stop_str_in_output": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "prompt_logprobs": (),
    "return_token_ids": (False,),
    "return_tokens_as_token_ids": (False,),
    # What the model reads.
    "add_special_tokens": (),
    "truncate_prompt_tokens": (),
    "prompt_embeds": (),
    "chat_template": (),
    "chat_template_kwargs": ({},),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "documents": ([],),
    # What the answer must look like.
    "structured_outputs": ({},),
    "guided_json": (),
    "guided_regex": (),
    "guided_choice": (),
    "guided_grammar": (),
    "guided_decoding_backend": (),
    "structural_tag": (),
    "json_schema": (),
    "grammar": ("",),
    "regex": (),
}
"""Keys that not every request offers -> their values that change nothing (None is one too). What a
request offers is a field of its model."""

LARGEST_BATCH = 2048


def as_texts(value: Any) -> Any:
    """One text or several as a list; token ids are rejected with a message."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and any(isinstance(v, (int, list)) for v in value):
        raise ValueError("token ids are not offered; send text")
    return value


Texts = Annotated[
    list[str], Field(min_length=1, max_length=LARGEST_BATCH), BeforeValidator(as_texts)
]


def _half(document: Any) -> str | None:
    """Path of a lone surrogate in a request, which tokenizers and files cannot take; else None."""
    left = [("body", document)]
    while left:
        place, value = left.pop()
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return place
        elif isinstance(value, Mapping):
            left += [(place, key) for key in value]
            left += [(f"{place}.{key}", child) for key, child in value.items()]
        elif isinstance(value, list):
            left += [(f"{place}[{n}]", child) for n, child in enumerate(value)]
    return None


class _Request(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, document: Any) -> Any:
        place = _half(document)
        if place is not None:
            raise InputError(
                f"{place.removeprefix('body.')}: holds half of a character (a lone surrogate, "
                "\\ud800 to \\udfff); send whole characters"
            )
        return document


class OpenAI(_Request):
    """A request in OpenAI's format."""

    model_config = ConfigDict(extra="allow")
    not_offered: ClassVar[Mapping[str, tuple[Any, ...]]] = NEUTRAL

    @model_validator(mode="after")
    def _offered(self) -> "OpenAI":
        for name, neutral in self.not_offered.items():
            value = (self.model_extra or {}).get(name)
            if value is not None and value not in neutral:
                raise InputError(f"{name}: not offered, found {value!r}; leave it out")
        return self


class Ours(_Request):
    """A request in this project's format."""

    model_config = ConfigDict(extra="forbid")
