"""OpenAI's documents of completions and embeddings, whole and in pieces.

Refuses to know where the text comes from.
"""

import base64
import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from robustness.models.engine import ModelInfo
from robustness.types import CompletionChunk, FloatArray, TokenLogprob

Document = dict[str, Any]
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def model(info: ModelInfo) -> Document:
    """One served model."""
    return {"id": info.id, "object": "model", "created": 0, "owned_by": "steadfast"}


def usage(ends: Sequence[CompletionChunk]) -> dict[str, int]:
    """Tokens of completions, from the last piece of each."""
    prompt = sum(c.prompt_tokens for c in ends)
    completion = sum(c.completion_tokens for c in ends)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def embeddings(
    served: str, vectors: Sequence[FloatArray], tokens: int, *, packed: bool
) -> Document:
    """Representations.

    Args:
        served: The model's id.
        vectors: (D,) float32 each.
        tokens: What the texts took.
        packed: Whether they are base64 of little-endian float32, not lists.
    """
    rows = []
    for index, vector in enumerate(vectors):
        little = np.asarray(vector, dtype="<f4")
        value: object = (
            base64.b64encode(little.tobytes()).decode() if packed else little.tolist()
        )
        rows.append({"object": "embedding", "index": index, "embedding": value})
    return {
        "object": "list",
        "data": rows,
        "model": served,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _token(token: str, logprob: float) -> Document:
    # Part of a character: its bytes are not known from the text.
    known = None if _UNKNOWN in token else list(token.encode())
    return {"token": token, "logprob": logprob, "bytes": known}


def _chat_logprobs(tokens: Sequence[TokenLogprob]) -> Document:
    content = [
        _token(t.token, t.logprob) | {"top_logprobs": [_token(*pair) for pair in t.top]}
        for t in tokens
    ]
    return {"content": content, "refusal": None}


def _by_text(top: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Alternatives by their text; of several tokens with one text, the most probable."""
    best: dict[str, float] = {}
    for text, logprob in top:
        best[text] = max(logprob, best.get(text, logprob))
    return best


def _text_logprobs(tokens: Sequence[TokenLogprob], offset: int) -> Document:
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [t.token for t in tokens],
        "token_logprobs": [t.logprob for t in tokens],
        "top_logprobs": [_by_text(t.top) for t in tokens],
        "text_offset": offsets,
    }


class CompletionForm:
    """Writes one reply's documents: all carry the same id."""

    def __init__(self, served: str, *, chat: bool, logprobs: bool) -> None:
        """Takes an id and the time.

        Args:
            served: The model's id.
            chat: Whether in the format of chat completions.
            logprobs: Whether log-probabilities were asked for.
        """
        self._chat = chat
        self._wants_logprobs = logprobs
        self._head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": served,
        }

    def whole(self, results: Sequence[Sequence[CompletionChunk]]) -> Document:
        """The reply to a request without `stream`.

        Args:
            results: Each prompt's pieces, in order.
        """
        choices = []
        for index, chunks in enumerate(results):
            text = "".join(c.text for c in chunks)
            content: Document = {"text": text}
            if self._chat:
                message = {"role": "assistant", "content": text, "refusal": None}
                content = {"message": message}
            tokens = [t for c in chunks for t in c.logprobs]
            choices.append(self._choice(index, tokens, 0, chunks[-1].finish_reason) | content)
        kind = "chat.completion" if self._chat else "text_completion"
        ends = [chunks[-1] for chunks in results]
        return self._head | {"object": kind, "choices": choices, "usage": usage(ends)}

    def piece(self, index: int, chunk: CompletionChunk, offset: int) -> Document:
        """One piece of a stream.

        Args:
            index: The prompt's place.
            chunk: The piece.
            offset: Characters of this prompt's answer that were sent before.
        """
        content: Document = {"text": chunk.text}
        if self._chat:
            role = {"role": "assistant"} if offset == 0 else {}
            content = {"delta": role | {"content": chunk.text}}
        choice = self._choice(index, chunk.logprobs, offset, chunk.finish_reason) | content
        return self._streamed([choice])

    def last(self, ends: Sequence[CompletionChunk]) -> Document:
        """The piece that carries the usage and no choice."""
        return self._streamed([]) | {"usage": usage(ends)}

    def _streamed(self, choices: list[Document]) -> Document:
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return self._head | {"object": kind, "choices": choices}

    def _choice(
        self, index: int, tokens: Sequence[TokenLogprob], offset: int, finish: str | None
    ) -> Document:
        logprobs = None
        if self._wants_logprobs:
            logprobs = _chat_logprobs(tokens) if self._chat else _text_logprobs(tokens, offset)
        return {"index": index, "logprobs": logprobs, "finish_reason": finish}
