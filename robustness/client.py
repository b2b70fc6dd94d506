"""The engine's Protocol over HTTP: another Steadfast server does the work.

Refuses to know models and weights.
"""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import numpy as np

from robustness.engine import ModelInfo
from robustness.errors import EngineError, InputError, NotFoundError
from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    Reading,
    RepresentationSpec,
    TokenLogprob,
)

_SECONDS = 120.0


class RemoteEngine:
    """Implements `robustness.engine.Engine` on a server's `/robustness/v1/engine` endpoints."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        """Looks which models are served there.

        Args:
            url: The server's address, e.g. `http://127.0.0.1:7860`.
            transport: How requests travel, for tests.

        Raises:
            EngineError: It does not answer.
        """
        self._url = url.rstrip("/")
        self._http = httpx.Client(base_url=self._url, timeout=_SECONDS, transport=transport)
        document = self._ask("GET", "/robustness/v1/engine")
        self.name = f"remote ({document['name']})"
        self._models = [
            ModelInfo(id=m["id"], spec=RepresentationSpec(**m["spec"]), context=m["context"])
            for m in document["models"]
        ]

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        return list(self._models)

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Option log-probabilities and representations: see `Engine.read`."""
        asked = [{"text": p.text, "options": p.options} for p in prompts]
        done = self._ask("POST", "/robustness/v1/engine/read", {"model": model, "prompts": asked})
        return [
            Reading(
                prompt_id=prompt.id,
                option_logprobs=np.asarray(row["option_logprobs"], dtype=np.float32),
                representation=np.asarray(row["representation"], dtype=np.float32),
            )
            for prompt, row in zip(prompts, done["readings"], strict=True)
        ]

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations of bare texts: see `Engine.represent`."""
        prompts = [Prompt(instruction_id="", example_id="", text=t, options=()) for t in texts]
        return [r.representation for r in self.read(model, prompts)]

    def chat_prompt(self, model: str, messages: Sequence[dict[str, str]]) -> str:
        """The text that the model reads for a conversation: see `Engine.chat_prompt`."""
        body = {"model": model, "messages": list(messages)}
        return str(self._ask("POST", "/robustness/v1/engine/chat_prompt", body)["prompt"])

    async def stream(
        self, model: str, prompt: str, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        """Generates text, piece by piece: see `Engine.stream`."""
        body = {
            "model": model, "prompt": prompt, "stream": True, "max_tokens": settings.max_tokens,
            "temperature": settings.temperature, "top_p": settings.top_p,
            "stop": list(settings.stop), "seed": settings.seed, "logprobs": settings.logprobs,
            "stream_options": {"include_usage": True},
        }
        finish: str | None = None
        async with httpx.AsyncClient(base_url=self._url, timeout=_SECONDS) as http:
            try:
                async with http.stream("POST", "/v1/completions", json=body) as reply:
                    if reply.is_error:
                        await reply.aread()
                        raise _error(reply)
                    async for line in reply.aiter_lines():
                        if not line.startswith("data: ") or line == "data: [DONE]":
                            continue
                        event = json.loads(line.removeprefix("data: "))
                        if "error" in event:
                            raise EngineError(str(event["error"].get("message")))
                        usage = event.get("usage") or {}
                        for choice in event["choices"]:
                            finish = choice["finish_reason"]
                            yield CompletionChunk(
                                text=choice["text"], finish_reason=finish,
                                logprobs=_logprobs(choice.get("logprobs")),
                            )
                        if usage:
                            yield CompletionChunk(
                                text="", finish_reason=finish,
                                prompt_tokens=usage["prompt_tokens"],
                                completion_tokens=usage["completion_tokens"],
                            )
            except httpx.HTTPError as error:
                raise EngineError(f"{self._url} stopped answering: {error}") from error

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        try:
            reply = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise EngineError(
                f"{self._url} does not answer ({error}); start it with: python -m server"
            ) from error
        if reply.is_error:
            raise _error(reply)
        return reply.json()


def _error(reply: httpx.Response) -> Exception:
    try:
        message = str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"{reply.url} answered with status {reply.status_code}"
    known = {404: NotFoundError, 400: InputError, 422: InputError}
    return known.get(reply.status_code, EngineError)(message)


def _logprobs(row: dict[str, Any] | None) -> tuple[TokenLogprob, ...]:
    if not row:
        return ()
    tops = row["top_logprobs"] or [{}] * len(row["tokens"])
    return tuple(
        TokenLogprob(token=t, logprob=v, top=tuple(top.items()))
        for t, v, top in zip(row["tokens"], row["token_logprobs"], tops, strict=True)
    )
