"""The HTTP client for vLLM: it sends prompts and receives hidden states and generated tokens.

A prompt is a list of token ids, or embeddings within a chat message: a vLLM that extracts hidden
states crashes when `/v1/completions` gets embeddings, so this client cannot send them there. Does
not handle texts, options and soft prompts; see `vllm_engine.py`.
"""

import base64
import io
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import torch

from robustness.errors import EngineError, InputError, RobustnessError
from robustness.types import FloatArray, GenerationSettings

_CONNECT_SECONDS = 5.0
_TOKEN = "token_id:"
_IMPOSSIBLE = -9999.0
"""What vLLM writes for the log-probability of a token that a constraint excludes."""
_NEARLY_ONE = 1 - 2**-23
"""A top-p that cuts nothing off, sent with every top-k: where vLLM 0.32, extracting hidden states,
has a batch with top-k and no top-p, its code for draft tokens, of which it has none, ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One prompt for vLLM: token ids, or embeddings."""

    ids: tuple[int, ...] = ()
    embeds: torch.Tensor | None = None
    """(T, D) finite floats; None: the ids are sent."""
    adapter: str | None = None
    """Name of a LoRA adapter in vLLM; None: the original model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One generated token."""

    id: int
    logprob: float | None = None
    """Log-probability, nats."""
    top: tuple[tuple[int, float], ...] = ()
    """(id, log-probability) of the alternatives, most probable first."""


def _prompt(row: Row) -> tuple[str, dict[str, Any]]:
    """(path, prompt part of the body) of a request; no other code writes prompts."""
    model = {} if row.adapter is None else {"model": row.adapter}
    if row.embeds is None:
        return "/v1/completions", {"prompt": list(row.ids)} | model
    buffer = io.BytesIO()
    # Cloned, since `torch.save` writes the whole storage of a slice.
    torch.save(row.embeds.clone(), buffer)
    data = base64.b64encode(buffer.getvalue()).decode()
    content = [{"type": "prompt_embeds", "data": data}]
    return "/v1/chat/completions", {"messages": [{"role": "user", "content": content}]} | model


def _logprob_fields(row: Row, alternatives: int | None) -> dict[str, Any]:
    if alternatives is None:
        return {}
    ids = {"return_tokens_as_token_ids": True}
    if row.embeds is None:
        return {"logprobs": alternatives} | ids
    return {"logprobs": True, "top_logprobs": alternatives} | ids


def _number(name: str) -> int:
    return int(name.removeprefix(_TOKEN))


def _scored(logprobs: Mapping[str, Any]) -> list[Token]:
    """Tokens with their alternatives, from the format of either endpoint."""
    if "content" in logprobs:
        rows = [
            (e["token"], e["logprob"], [(t["token"], t["logprob"]) for t in e["top_logprobs"]])
            for e in logprobs["content"] or []
        ]
    else:
        tops = logprobs["top_logprobs"] or [{}] * len(logprobs["tokens"])
        rows = [
            (token, value, list((top or {}).items()))
            for token, value, top in zip(
                logprobs["tokens"], logprobs["token_logprobs"], tops, strict=True
            )
        ]
    return [
        Token(
            id=_number(token),
            logprob=float(value),
            top=tuple(
                (_number(t), float(v))
                for t, v in sorted(top, key=lambda pair: -pair[1]) if v > _IMPOSSIBLE
            ),
        )
        for token, value, top in rows
    ]


def _tokens(choice: Mapping[str, Any]) -> list[Token]:
    if choice.get("logprobs"):
        return _scored(choice["logprobs"])
    return [Token(id=int(number)) for number in choice.get("token_ids") or []]


class VllmClient:
    """A client of one vLLM server. Safe to share among threads."""

    def __init__(self, url: str, key: str, *, timeout: float) -> None:
        """Sends nothing yet.

        Args:
            url: URL of the vLLM server.
            key: Its API key; empty: it needs none.
            timeout: Longest time without an answer, seconds.

        Raises:
            InputError: The URL is malformed.
        """
        self.url = url.rstrip("/")
        self.model = ""
        """The model's id in vLLM; set by `describe`."""
        self.adapters: frozenset[str] = frozenset()
        """Names of the LoRA adapters in vLLM; set by `describe`."""
        self._options: dict[str, Any] = {
            "base_url": self.url,
            "timeout": httpx.Timeout(timeout, connect=_CONNECT_SECONDS),
            # Proxies from the environment are not used for a server that was given by its URL.
            "trust_env": False,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
        }
        try:
            self._http = httpx.Client(
                **self._options, limits=httpx.Limits(max_connections=None)
            )
        except httpx.InvalidURL as error:
            raise InputError(f"{url!r} is not an address: {error}") from error

    def describe(self) -> tuple[str, int]:
        """(vLLM's version, longest prompt in tokens); also sets `model` and `adapters`.

        Raises:
            EngineError: The server does not answer, or is not a vLLM.
        """
        try:
            version = str(self._ask("GET", "/version")["version"])
            first, *others = self._ask("GET", "/v1/models")["data"]
            self.model, context = str(first["id"]), int(first["max_model_len"])
            self.adapters = frozenset(str(other["id"]) for other in others)
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise EngineError(f"{self.url} is not a vLLM server") from error
        return version, context

    def ping(self) -> None:
        """Checks that the server answers.

        Raises:
            EngineError: It does not.
        """
        try:
            reply = self._http.get("/health")
        except httpx.HTTPError as error:
            raise self._lost(error) from error
        if reply.is_error:
            raise EngineError(f"vLLM at {self.url} is not well: status {reply.status_code}")

    def compute(self, within: float) -> None:
        """Checks that vLLM still computes; its health check passes even if the engine hangs.

        Args:
            within: Longest time for one token, seconds.

        Raises:
            EngineError: No token came in this time.
        """
        if not self.model:
            self.describe()
        path, prompt = _prompt(Row(ids=(0,)))
        body = {"model": self.model, "max_tokens": 1, "temperature": 0} | prompt
        self._ask("POST", path, body, timeout=httpx.Timeout(within, connect=_CONNECT_SECONDS))

    def states(self, row: Row, last: int) -> FloatArray | None:
        """Hidden states (last, 2, D) float32 at the prompt's last positions; None: none came.

        The second axis is the penultimate layer's and the last layer's, before the final norm.
        """
        path, prompt = _prompt(row)
        body = {
            "model": self.model, "max_tokens": 1, "temperature": 0,
            "kv_transfer_params": {"last": last},
        } | prompt  # fmt: skip
        given = self._ask("POST", path, body).get("kv_transfer_params") or {}
        if "hidden_states" not in given:
            return None
        flat = np.frombuffer(base64.b64decode(given["hidden_states"]), dtype=np.float32)
        states: FloatArray = flat.reshape(given["shape"])
        return states

    def first(self, row: Row, alternatives: int) -> Token:
        """The most probable next token, with its alternatives."""
        path, prompt = _prompt(row)
        body = {"model": self.model, "max_tokens": 1, "temperature": 0} | prompt
        reply = self._ask("POST", path, body | _logprob_fields(row, alternatives))
        return _tokens(reply["choices"][0])[0]

    async def generate(
        self, row: Row, settings: GenerationSettings, limit: int, stops: frozenset[int]
    ) -> AsyncGenerator[Token]:
        """Yields the generated tokens, including the one that ends the text.

        Closing the generator stops the generation in vLLM.

        Args:
            row: The prompt.
            settings: How to sample; the caller handles stop strings.
            limit: Most tokens.
            stops: Ids of the tokens that end the text.

        Raises:
            EngineError: vLLM does not answer, or stopped in the middle.
            InputError: vLLM does not accept the prompt.
        """
        path, prompt = _prompt(row)
        top_p = min(settings.top_p, _NEARLY_ONE) if "top_k" in settings.extra else settings.top_p
        body = {"model": self.model} | prompt | _logprob_fields(row, settings.logprobs) | {
            "stream": True, "return_token_ids": True, "max_tokens": limit,
            "temperature": settings.temperature, "top_p": top_p, "seed": settings.seed,
            **settings.extra, "stop_token_ids": sorted(stops),
        }  # fmt: skip
        if settings.constraint is not None:
            held = {settings.constraint.kind: settings.constraint.value}
            body["structured_outputs"] = held
        try:
            async with (
                httpx.AsyncClient(**self._options) as http,
                http.stream("POST", path, json=body) as reply,
            ):
                if reply.is_error:
                    await reply.aread()
                    raise self._refused(reply)
                async with aclosing(self._events(reply)) as events:
                    async for event in events:
                        for choice in event["choices"]:
                            for token in _tokens(choice):
                                yield token
        except httpx.HTTPError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    async def _events(self, reply: httpx.Response) -> AsyncGenerator[dict[str, Any]]:
        async for line in reply.aiter_lines():
            if line == "data: [DONE]":
                return
            if line.startswith("data: "):
                event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise EngineError(f"vLLM broke off: {event['error'].get('message')}")
                yield event
        raise EngineError("vLLM broke off in the middle of the text")

    def _ask(
        self, method: str, path: str, body: object = None, timeout: httpx.Timeout | None = None
    ) -> Any:
        try:
            reply = self._http.request(
                method, path, json=body, timeout=timeout or self._http.timeout
            )
        except httpx.UnsupportedProtocol as error:
            raise InputError(f"{self.url!r} is not an address: {error}") from error
        except httpx.HTTPError as error:
            raise self._lost(error) from error
        if reply.is_error:
            raise self._refused(reply)
        try:
            return reply.json()
        except ValueError as error:
            raise EngineError(f"{self.url} is not a vLLM server: {path} is no JSON") from error

    def _lost(self, error: httpx.HTTPError) -> EngineError:
        if isinstance(error, httpx.ReadTimeout):
            return EngineError(f"vLLM at {self.url} is too slow: it was silent for too long")
        why = str(error) or type(error).__name__
        return EngineError(f"vLLM at {self.url} does not answer ({why})")

    def _refused(self, reply: httpx.Response) -> RobustnessError:
        try:
            message = str(reply.json()["error"]["message"])
        except (ValueError, KeyError, TypeError):
            message = reply.text[:200]
        if reply.status_code == 400:
            return InputError(f"vLLM refuses the request: {message}")
        if reply.status_code == 401:
            return EngineError(f"vLLM at {self.url} wants another key; set VLLM_API_KEY to it")
        return EngineError(f"vLLM answered with status {reply.status_code}: {message}")
