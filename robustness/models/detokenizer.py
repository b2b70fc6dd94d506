"""Detokenizer: turns generated tokens into text, in whole characters and up to a stop string.

Decoding all tokens again after each one would take quadratic time. `DecodeStream` of the tokenizers
library decodes only the last few; for tokenizers without that library this module does the same.
"""

from dataclasses import replace
from typing import Any

from tokenizers.decoders import DecodeStream

from robustness.types import CompletionChunk, GenerationSettings, TokenLogprob

_PARTIAL = "\N{REPLACEMENT CHARACTER}"
"""What an incomplete character is decoded to."""


def held_back(text: str, stops: tuple[str, ...]) -> int:
    """Number of characters at the end of a text that may be the beginning of a stop string."""
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:size]):
                longest = size
                break
    return longest


def _decoded(tokenizer: Any, ids: list[int]) -> str:
    text: str = tokenizer.decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return text


class _FastStream:
    """Decodes token by token with the tokenizers library."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._stream = DecodeStream(skip_special_tokens=True)

    def step(self, token: int) -> str:
        """What the token adds; nothing yet where it ends inside a character."""
        try:
            return self._stream.step(self._backend, token) or ""
        # DecodeStream raises a bare Exception where a byte that belongs to no character changes how
        # those before it are decoded; what has been sent stays, and decoding begins again here.
        except Exception:
            self._stream = DecodeStream(skip_special_tokens=True)
            return self._stream.step(self._backend, token) or ""


class _SlowStream:
    """Decodes token by token with the tokenizer's `decode`, over the last few tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._window: list[int] = []
        self._known = 0
        """Number of tokens in the window whose text was returned. They stay as context, on which it
        depends whether the next token begins with a space."""

    def step(self, token: int) -> str:
        """What the token adds; nothing yet where it ends inside a character."""
        self._window.append(token)
        before = _decoded(self._tokenizer, self._window[: self._known])
        text = _decoded(self._tokenizer, self._window)
        if len(text) <= len(before) or text.endswith(_PARTIAL):
            return ""
        self._window, self._known = self._window[self._known :], len(self._window) - self._known
        return text[len(before) :]


class Transcript:
    """The text of one generation, built token by token."""

    def __init__(self, tokenizer: Any, prompt_tokens: int, settings: GenerationSettings) -> None:
        """Starts with no tokens.

        Args:
            tokenizer: The model's tokenizer.
            prompt_tokens: Number of tokens of the prompt, without virtual ones.
            settings: The settings, with the stop strings.
        """
        self.ids: list[int] = []
        """Ids of the tokens so far, without the one that ended generation."""
        self.stopped = False
        """Whether a stop string occurred; the piece before was the last one."""
        self._tokenizer = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._stream = _SlowStream(tokenizer) if backend is None else _FastStream(backend)
        self._prompt_tokens = prompt_tokens
        self._stops = tuple(stop for stop in settings.stop if stop)
        self._sent: list[str] = []
        self._held = ""
        """Text that is decoded but not returned yet; no stop string begins before it."""
        self._waiting: list[TokenLogprob] = []

    def add(self, token: int, logprob: TokenLogprob | None = None) -> CompletionChunk | None:
        """Adds a token; returns the text that is ready, or None where none is."""
        self.ids.append(token)
        if logprob is not None:
            self._waiting.append(logprob)
        self._held += self._stream.step(token)
        if self._cut():
            return self._piece(len(self._held), "stop")
        ready = len(self._held) - held_back(self._held, self._stops)
        return self._piece(ready, None) if ready > 0 else None

    def end(self, finish: str, token: TokenLogprob | None = None) -> CompletionChunk:
        """The last piece of text, with the finish reason and the token that ended the text."""
        # An incomplete character at the end is returned as it is decoded.
        whole = _decoded(self._tokenizer, self.ids)
        known = "".join([*self._sent, self._held])
        if whole.startswith(known):
            self._held += whole[len(known) :]
        cut = self._cut()
        made = self._piece(len(self._held), "stop" if cut else finish)
        return made if cut else replace(made, end=token)

    def _cut(self) -> bool:
        """Cuts the text at the first stop string; returns whether there was one."""
        cut = min((self._held.find(s) for s in self._stops if s in self._held), default=-1)
        if cut >= 0:
            self._held, self.stopped = self._held[:cut], True
        return cut >= 0

    def _piece(self, ready: int, finish: str | None) -> CompletionChunk:
        made = CompletionChunk(
            text=self._held[:ready],
            logprobs=tuple(self._waiting),
            finish_reason=finish,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=len(self.ids),
        )
        self._sent.append(made.text)
        self._held, self._waiting = self._held[ready:], []
        return made
