"""Writes replies in OpenAI's format: completions, chat completions, stream chunks, embeddings.

They are pydantic models of the `openai` package. Fields that are not set here are not sent, since
`routes/openai.py` leaves them out.
"""

import base64
import time
import uuid
from collections.abc import Sequence

import numpy as np
from openai.types import Completion, CompletionChoice, CompletionUsage, Model
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatCompletionTokenLogprob,
    chat_completion,
    chat_completion_chunk,
)
from openai.types.chat.chat_completion_token_logprob import TopLogprob
from openai.types.completion_choice import Logprobs
from openai.types.create_embedding_response import Usage

from robustness.models.engine import ModelInfo
from robustness.types import CompletionChunk, FloatArray, TokenLogprob
from server.wire import embeddings as wire

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def model(info: ModelInfo) -> Model:
    """The entry of a served model in `GET /v1/models`."""
    return Model(id=info.id, object="model", created=0, owned_by="steadfast")


def usage(ends: Sequence[CompletionChunk], n: int = 1) -> CompletionUsage:
    """The token counts of completions, summed over the last chunk of each.

    Args:
        ends: The last chunks, in the order of the completions.
        n: Number of completions of each prompt, which is counted once.
    """
    prompt = sum(c.prompt_tokens for c in ends[::n])
    completion = sum(c.completion_tokens for c in ends)
    return CompletionUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


def embeddings(
    served: str, vectors: Sequence[FloatArray], tokens: int, *, packed: bool
) -> wire.EmbeddingList:
    """The reply with the representations of texts.

    Args:
        served: The model's id.
        vectors: One (D,) float32 array for each text.
        tokens: Number of tokens of all texts.
        packed: Whether to send base64 of little-endian float32 instead of lists of numbers.
    """
    rows = []
    for index, vector in enumerate(vectors):
        little = np.asarray(vector, dtype="<f4")
        value = base64.b64encode(little.tobytes()).decode() if packed else little.tolist()
        rows.append(wire.Embedding(object="embedding", index=index, embedding=value))
    return wire.EmbeddingList(
        object="list", data=rows, model=served,
        usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
    )


def token_bytes(token: str) -> list[int] | None:
    """UTF-8 bytes of a token; None where they cannot be known from its text."""
    # A token that is part of a character: its bytes cannot be known from the text.
    return None if _UNKNOWN in token else list(token.encode())


def _chat_logprobs(tokens: Sequence[TokenLogprob]) -> list[ChatCompletionTokenLogprob]:
    return [
        ChatCompletionTokenLogprob(
            token=t.token, logprob=t.logprob, bytes=token_bytes(t.token),
            top_logprobs=[
                TopLogprob(token=token, logprob=logprob, bytes=token_bytes(token))
                for token, logprob in t.top
            ],
        )
        for t in tokens if t.logprob is not None
    ]


def _by_text(top: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Text of a token -> log-probability; of several tokens with one text, the most probable."""
    best: dict[str, float] = {}
    for text, logprob in top:
        best[text] = max(logprob, best.get(text, logprob))
    return best


_NEAR = 4
"""Most characters between two tokens of a prompt: spaces that a token does not show by itself."""


def _offsets(chunk: CompletionChunk, start: int) -> list[int]:
    """Where each token of a piece of text begins."""
    offsets, offset = [], 0
    for token in chunk.logprobs:
        size, found = len(token.token), offset
        if chunk.echo:
            # A special token is not in the text of a prompt, nor is a part of a character.
            found = chunk.text.find(token.token, offset, offset + size + _NEAR)
        offsets.append(start + max(found, offset))
        offset = found + size if found >= 0 else offset
    return offsets


def _text_logprobs(chunks: Sequence[CompletionChunk], offset: int, *, echo: bool) -> Logprobs:
    """The tokens of a completion whose first chunk begins at an offset; with `echo`, its end's."""
    tokens: list[TokenLogprob] = []
    offsets, generated = [], offset
    for chunk in chunks:
        tokens += chunk.logprobs
        offsets += _offsets(chunk, generated)
        generated += len(chunk.text) if chunk.echo else sum(len(t.token) for t in chunk.logprobs)
        if echo and chunk.end is not None:
            tokens.append(chunk.end)
            offsets.append(generated)
    return Logprobs.construct(
        tokens=[t.token for t in tokens],
        # Those of the first token of a prompt are null, which OpenAI's model does not foresee.
        token_logprobs=[t.logprob for t in tokens],
        top_logprobs=[None if t.logprob is None else _by_text(t.top) for t in tokens],
        text_offset=offsets,
    )


class _Form:
    """What all chunks of one reply have in common: its id, the time and the model's id."""

    def __init__(
        self, served: str, *, logprobs: bool, n: int = 1, echo: bool = False
    ) -> None:
        """Generates the reply's id and takes the time.

        Args:
            served: The model's id.
            logprobs: Whether the request asks for log-probabilities.
            n: Number of texts for each prompt.
            echo: Whether each text begins with its prompt.
        """
        self._n = n
        self._echo = echo
        self._served = served
        self._wants_logprobs = logprobs
        self._key = uuid.uuid4().hex
        self._created = int(time.time())


class TextForm(_Form):
    """Writes one reply to `POST /v1/completions`."""

    def whole(self, results: Sequence[Sequence[CompletionChunk]]) -> Completion:
        """The reply to a request without `stream`.

        Args:
            results: The chunks of each prompt's completion, in order.
        """
        choices = [self._choice(index, chunks, 0) for index, chunks in enumerate(results)]
        return self._document(choices, [chunks[-1] for chunks in results])

    def piece(
        self, index: int, chunk: CompletionChunk, offset: int, *, counted: bool = False
    ) -> Completion:
        """One chunk of a streamed reply.

        Args:
            index: Index of the prompt in the request.
            chunk: The generated text.
            offset: Number of characters of this completion that were sent before.
            counted: Whether to send the token counts so far with it.
        """
        choice = self._choice(index, [chunk], offset)
        return self._document([choice], [chunk] if counted else None)

    def last(self, ends: Sequence[CompletionChunk]) -> Completion:
        """The last chunk of a streamed reply: the token counts and no choice."""
        return self._document([], ends)

    def _document(
        self, choices: list[CompletionChoice], ends: Sequence[CompletionChunk] | None
    ) -> Completion:
        made = Completion.construct(
            id=f"cmpl-{self._key}", object="text_completion", created=self._created,
            model=self._served, choices=choices,
        )
        if ends is not None:
            made.usage = usage(ends, self._n)
        return made

    def _choice(
        self, index: int, chunks: Sequence[CompletionChunk], offset: int
    ) -> CompletionChoice:
        logprobs = None
        if self._wants_logprobs:
            logprobs = _text_logprobs(chunks, offset, echo=self._echo)
        # Not validated: OpenAI's model forbids the null `finish_reason` of a chunk before the last.
        return CompletionChoice.construct(
            index=index, text="".join(c.text for c in chunks),
            finish_reason=chunks[-1].finish_reason, logprobs=logprobs,
        )


class ChatForm(_Form):
    """Writes one reply to `POST /v1/chat/completions`."""

    def whole(self, results: Sequence[Sequence[CompletionChunk]]) -> ChatCompletion:
        """The reply to a request without `stream`: see `TextForm.whole`."""
        choices = []
        for index, chunks in enumerate(results):
            logprobs = None
            if self._wants_logprobs:
                tokens = [t for c in chunks for t in c.logprobs]
                logprobs = chat_completion.ChoiceLogprobs(
                    content=_chat_logprobs(tokens), refusal=None
                )
            message = ChatCompletionMessage(
                role="assistant", content="".join(c.text for c in chunks), refusal=None
            )
            choices.append(
                chat_completion.Choice.construct(
                    index=index, message=message, logprobs=logprobs,
                    finish_reason=chunks[-1].finish_reason,
                )
            )
        return ChatCompletion(
            id=f"chatcmpl-{self._key}", object="chat.completion", created=self._created,
            model=self._served, choices=choices, usage=usage([c[-1] for c in results], self._n),
        )

    def piece(
        self, index: int, chunk: CompletionChunk, offset: int, *, counted: bool = False
    ) -> ChatCompletionChunk:
        """One chunk of a streamed reply: see `TextForm.piece`."""
        logprobs = None
        if self._wants_logprobs:
            logprobs = chat_completion_chunk.ChoiceLogprobs(
                content=_chat_logprobs(chunk.logprobs), refusal=None
            )
        delta = chat_completion_chunk.ChoiceDelta(content=chunk.text)
        if offset == 0:
            delta.role = "assistant"
        choice = chat_completion_chunk.Choice.construct(
            index=index, delta=delta, logprobs=logprobs, finish_reason=chunk.finish_reason
        )
        return self._document([choice], [chunk] if counted else None)

    def last(self, ends: Sequence[CompletionChunk]) -> ChatCompletionChunk:
        """The last chunk of a streamed reply: the token counts and no choice."""
        return self._document([], ends)

    def _document(
        self, choices: list[chat_completion_chunk.Choice], ends: Sequence[CompletionChunk] | None
    ) -> ChatCompletionChunk:
        made = ChatCompletionChunk.construct(
            id=f"chatcmpl-{self._key}", object="chat.completion.chunk", created=self._created,
            model=self._served, choices=choices,
        )
        if ends is not None:
            made.usage = usage(ends, self._n)
        return made
