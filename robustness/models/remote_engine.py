"""An engine that forwards every call over HTTP to another Steadfast server."""

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httpx
import numpy as np

from robustness.errors import (
    EngineError,
    InputError,
    ModelNotFoundError,
    NotFoundError,
    RobustnessError,
)
from robustness.models.engine import ModelInfo
from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    PromptInput,
    PromptScores,
    Reading,
    RepresentationSpec,
    TokenLogprob,
)

_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_BATCH = 64
"""Prompts per request, so that a slow server answers each before the timeout."""

_TRIES = 20
_LONGEST_PAUSE = 10.0
"""Seconds between two tries of a request that a server refuses since it is busy."""

_ROOT = "/robustness/v1"


class RemoteEngine:
    """Implements `Engine` by requests to a Steadfast server."""

    def __init__(self, url: str, key: str = "") -> None:
        """Connects and asks which models are served.

        Args:
            url: The server's address, e.g. `http://127.0.0.1:7860`.
            key: The server's key, where it needs one.

        Raises:
            EngineError: The server does not answer, or is not a Steadfast server.
            InputError: The address is malformed, or the key is wrong.
        """
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            # Proxies of the environment are ignored: the server was named by its address.
            self._http = httpx.Client(
                base_url=self._url, timeout=_TIMEOUT, trust_env=False, headers=self._headers
            )
        except httpx.InvalidURL as error:
            raise InputError(f"{url!r} is not an address: {error}") from error
        try:
            document = self._ask("GET", f"{_ROOT}/engine")
        except RobustnessError:
            self._http.close()
            raise
        try:
            self.name = f"remote ({document['name']})"
            self._models = [
                ModelInfo(
                    id=m["id"], spec=RepresentationSpec(**m["spec"]), context=m["context"],
                    scorer=m.get("scorer"), slower=m.get("slower"),
                )
                for m in document["models"]
            ]
        except (KeyError, TypeError) as error:
            raise EngineError(f"{self._url} is not a Steadfast server of this version") from error

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        return list(self._models)

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Scores options and returns representations: see `Engine.read`."""
        readings = []
        for start in range(0, len(prompts), _BATCH):
            part = prompts[start : start + _BATCH]
            asked = [{"text": p.text, "options": p.options} for p in part]
            done = self._ask("POST", f"{_ROOT}/read", {"model": model, "prompts": asked})
            readings += [
                Reading(
                    prompt_id=prompt.id,
                    option_logprobs=np.asarray(row["option_logprobs"], dtype=np.float32),
                    representation=np.asarray(row["representation"], dtype=np.float32),
                )
                for prompt, row in zip(part, done["readings"], strict=True)
            ]
        return readings

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations of texts: see `Engine.represent`."""
        prompts = [Prompt(instruction_id="", example_id="", text=t, options=()) for t in texts]
        return [r.representation for r in self.read(model, prompts)]

    def chat_prompt(
        self, model: str, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt of a conversation: see `Engine.chat_prompt`."""
        body = {
            "model": model, "messages": list(messages), "chat_template_kwargs": dict(arguments)
        }
        return str(self._ask("POST", f"{_ROOT}/chat_prompt", body)["prompt"])

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text: see `Engine.count_tokens`."""
        body = {"model": model, "texts": list(texts)}
        return [int(n) for n in self._ask("POST", f"{_ROOT}/count_tokens", body)["tokens"]]

    def check_prompts(self, model: str, prompts: Sequence[Prompt]) -> None:
        """Whether `read` would take prompts: see `Engine.check_prompts`.

        Counted without what the server puts around a prompt (chat format, virtual tokens), which
        only reading tells.
        """
        info = next((m for m in self._models if m.id == model), None)
        for prompt in prompts if info is not None else ():
            text, *options = self.count_tokens(model, [prompt.text, *prompt.options])
            longest = max(options, default=0)
            if info is not None and text + longest > info.context:
                raise InputError(
                    f"the prompt has {text + longest} tokens ({text} of text, {longest} of the "
                    f"longest option), the model {model} reads at the most {info.context}; shorten "
                    "the input"
                )

    def prompt_logprobs(
        self, model: str, prompt: PromptInput, alternatives: int
    ) -> PromptScores:
        """Log-probabilities of a prompt's own tokens: see `Engine.prompt_logprobs`."""
        body = {
            "model": model, "prompt": prompt, "echo": True, "max_tokens": 0,
            "logprobs": alternatives,
        }
        choice = self._ask("POST", "/v1/completions", body)["choices"][0]
        return PromptScores(text=choice["text"], tokens=_logprobs(choice["logprobs"]))

    async def stream(
        self, model: str, prompt: PromptInput, settings: GenerationSettings
    ) -> AsyncGenerator[CompletionChunk]:
        """Generates text and yields it in pieces: see `Engine.stream`."""
        body = {
            "model": model,
            "prompt": prompt,
            "stream": True,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "stop": list(settings.stop),
            "seed": settings.seed,
            "logprobs": settings.logprobs,
            "stream_options": {"continuous_usage_stats": True},
            **settings.extra,
            **_constrained(settings),
        }
        async with httpx.AsyncClient(
            base_url=self._url, timeout=_TIMEOUT, trust_env=False, headers=self._headers
        ) as http:
            try:
                async with http.stream("POST", "/v1/completions", json=body) as reply:
                    if reply.is_error:
                        await reply.aread()
                        raise _error(reply)
                    async for line in reply.aiter_lines():
                        if line.startswith("data: ") and line != "data: [DONE]":
                            yield self._chunk(json.loads(line.removeprefix("data: ")))
            except httpx.HTTPError as error:
                raise self._lost(error) from error

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _chunk(self, event: dict[str, Any]) -> CompletionChunk:
        if "error" in event:
            raise EngineError(str(event["error"].get("message")))
        choice = event["choices"][0]
        return CompletionChunk(
            text=choice["text"],
            logprobs=_logprobs(choice.get("logprobs")),
            finish_reason=choice["finish_reason"],
            prompt_tokens=event["usage"]["prompt_tokens"],
            completion_tokens=event["usage"]["completion_tokens"],
        )

    def _lost(self, error: httpx.HTTPError) -> EngineError:
        why = str(error) or type(error).__name__
        return EngineError(
            f"{self._url} does not answer ({why}); start it there with: python -m server"
        )

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        try:
            reply = self._http.request(method, path, json=body)
            for _ in range(_TRIES - 1):
                if reply.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    break
                # The server says when its queue has room again.
                time.sleep(min(float(reply.headers.get("retry-after", 1)), _LONGEST_PAUSE))
                reply = self._http.request(method, path, json=body)
        except httpx.UnsupportedProtocol as error:
            raise InputError(f"{self._url!r} is not an address: {error}") from error
        except httpx.HTTPError as error:
            raise self._lost(error) from error
        if reply.is_error:
            raise _error(reply)
        try:
            return reply.json()
        except ValueError as error:
            raise EngineError(
                f"{self._url} is not a Steadfast server: {path} is no JSON"
            ) from error


def _constrained(settings: GenerationSettings) -> dict[str, Any]:
    """The constraint of a text as a part of a request."""
    if settings.constraint is None:
        return {}
    return {"structured_outputs": {settings.constraint.kind: settings.constraint.value}}


def _error(reply: httpx.Response) -> RobustnessError:
    """The exception of this project for a reply in OpenAI's error format."""
    try:
        problem = reply.json()["error"]
        message, code = str(problem["message"]), problem.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return EngineError(f"{reply.url} answered with status {reply.status_code}")
    if code == "model_not_found":
        return ModelNotFoundError(message)
    known = {400: InputError, 401: InputError, 403: InputError, 404: NotFoundError}
    return known.get(reply.status_code, EngineError)(message)


def _logprobs(row: dict[str, Any] | None) -> tuple[TokenLogprob, ...]:
    if not row:
        return ()
    return tuple(
        TokenLogprob(token=t, logprob=v, top=tuple((top or {}).items()))
        for t, v, top in zip(row["tokens"], row["token_logprobs"], row["top_logprobs"], strict=True)
    )
