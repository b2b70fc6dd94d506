"""Tokens as they are generated -> pieces of text: stop strings and whole characters.

Refuses to know who generates and who listens.
"""

from typing import Any

from robustness.types import CompletionChunk, GenerationSettings, TokenLogprob


def held_back(text: str, stops: tuple[str, ...]) -> int:
    """Number of final characters that may be the beginning of a stop string."""
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:size]):
                longest = size
                break
    return longest


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
        self._prompt_tokens = prompt_tokens
        self._stops = settings.stop
        self._text = ""
        self._sent = 0
        self._waiting: list[TokenLogprob] = []

    def add(self, token: int, logprob: TokenLogprob | None = None) -> CompletionChunk | None:
        """The piece that is ready after one more token, None where none is yet."""
        self.ids.append(token)
        if logprob is not None:
            self._waiting.append(logprob)
        text = self._text = self._tokenizer.decode(
            self.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        cut = min((text.find(s) for s in self._stops if s and s in text), default=-1)
        if cut >= 0:
            self._text, self.stopped = text[:cut], True
            return self.end("stop")
        ready = len(text) - held_back(text, self._stops)
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            # A character of several bytes is not whole yet.
            ready = min(ready, len(text.rstrip("\N{REPLACEMENT CHARACTER}")))
        return self._piece(ready, None) if ready > self._sent else None

    def end(self, finish: str) -> CompletionChunk:
        """The last piece, with the reason for the end."""
        return self._piece(len(self._text), finish)

    def _piece(self, ready: int, finish: str | None) -> CompletionChunk:
        made = CompletionChunk(
            text=self._text[self._sent : ready],
            logprobs=tuple(self._waiting),
            finish_reason=finish,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=len(self.ids),
        )
        self._sent, self._waiting = ready, []
        return made
