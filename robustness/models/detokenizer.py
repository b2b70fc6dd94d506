"""Turns tokens into pieces of text as they are generated: whole characters, up to a stop string.

Decoding all tokens again after each one would take quadratic time; `DecodeStream` of tokenizers
decodes the last few, and so does this module for tokenizers without that library's backend.
"""

from typing import Any

from tokenizers.decoders import DecodeStream

from robustness.types import CompletionChunk, GenerationSettings, TokenLogprob

_PARTIAL = "\N{REPLACEMENT CHARACTER}"
"""What the first bytes of a character are decoded to."""


def held_back(text: str, stops: tuple[str, ...]) -> int:
    """Number of final characters that may be the beginning of a stop string."""
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
    """Text of one token after another, by the tokenizers library."""

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
    """The same by `decode`, over the tokens since the last whole character and those before it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._window: list[int] = []
        self._known = 0
        """How many tokens of the window have given their text; they are context, which says whether
        the next one begins with a space."""

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
    """The text of one generation so far."""

    def __init__(self, tokenizer: Any, prompt_tokens: int, settings: GenerationSettings) -> None:
        """Begins with nothing.

        Args:
            tokenizer: Decodes the tokens.
            prompt_tokens: Tokens of the prompt's text alone.
            settings: Its stop strings end the text.
        """
        self.ids: list[int] = []
        """Tokens so far, without the one that ended the generation."""
        self.stopped = False
        """Whether a stop string was met; the piece that said so was the last."""
        self._tokenizer = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._stream = _SlowStream(tokenizer) if backend is None else _FastStream(backend)
        self._prompt_tokens = prompt_tokens
        self._stops = tuple(stop for stop in settings.stop if stop)
        self._sent: list[str] = []
        self._held = ""
        """Decoded and not sent yet; a stop string cannot begin before it."""
        self._waiting: list[TokenLogprob] = []

    def add(self, token: int, logprob: TokenLogprob | None = None) -> CompletionChunk | None:
        """The piece that is ready after one more token, None where none is yet."""
        self.ids.append(token)
        if logprob is not None:
            self._waiting.append(logprob)
        self._held += self._stream.step(token)
        if self._cut():
            return self._piece(len(self._held), "stop")
        ready = len(self._held) - held_back(self._held, self._stops)
        return self._piece(ready, None) if ready > 0 else None

    def end(self, finish: str) -> CompletionChunk:
        """The last piece, with the reason for the end."""
        # What is inside a character at the end comes out as it is.
        whole = _decoded(self._tokenizer, self.ids)
        known = "".join([*self._sent, self._held])
        if whole.startswith(known):
            self._held += whole[len(known) :]
        return self._piece(len(self._held), "stop" if self._cut() else finish)

    def _cut(self) -> bool:
        """Cuts the text at the first stop string, if one is there."""
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
