"""The engine that runs a model in vLLM; soft prompts are sent as embeddings with the prompt's.

This process holds only the checkpoint's embedding table, final norm and output head; vLLM computes
the layers between them. Does not handle HTTP and processes; see `vllm_client.py` and
`vllm_process.py`.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from robustness.errors import EngineError, InputError
from robustness.models.adapters import Adapter, Kind
from robustness.models.batching import Item
from robustness.models.constraints import Constraints
from robustness.models.detokenizer import Transcript
from robustness.models.engine import ModelInfo, Withheld
from robustness.models.model_registry import Served
from robustness.models.sampling import described
from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    PromptInput,
    PromptScores,
    Reading,
    TokenLogprob,
)
from server.engines.vllm_client import Row, Token, VllmClient
from server.engines.vllm_ends import Ends
from server.engines.vllm_process import VllmProcess

_log = logging.getLogger(__name__)

_AT_ONCE = 16
"""Number of concurrent requests; vLLM forms the batches."""
_PROBE = "Is the sky blue? Answer:"
_ALTERNATIVES = 5
_STATES_TOLERANCE = 0.1
"""Relative distance: above the rounding of bf16, below the difference of other weights."""
_PROMPTS_TOKENS = "repetition_penalty"
"""The setting that also concerns the tokens of the prompt."""
_SCORES_TOLERANCE = 0.5
"""Nats; in bf16, logits of 16 to 32 are rounded to multiples of 1/8."""


class VllmEngine:
    """Implements `Engine` for decoder-only models that run in vLLM."""

    def __init__(
        self,
        served: Served,
        client: VllmClient,
        *,
        name: str,
        process: VllmProcess | None = None,
        hint: str = "",
    ) -> None:
        """Sends nothing to vLLM yet.

        Args:
            served: The first and last layers of the checkpoint, with its soft prompts.
            client: The client of the vLLM server.
            name: Name of the engine, shown on the page.
            process: The vLLM process, if the caller started one; `close` ends it.
            hint: How to start a suitable vLLM, for error messages.
        """
        self.name = name
        self._served = served
        self._checkpoint = served.checkpoint
        self._constraints = Constraints(served.checkpoint)
        self._ends = Ends(served.checkpoint.model)
        self._client = client
        self._process = process
        self._hint = hint
        self._trusted = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="steadfast-vllm")

    def check(self) -> None:
        """Checks that vLLM has the same model and returns its hidden states.

        Raises:
            EngineError: It does not answer, returns no hidden states, or has another model.
        """
        self._ready()

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        return self._served.models()

    def withheld(self) -> list[Withheld]:
        """The adapters that were requested but that vLLM cannot serve."""
        return self._served.withheld()

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Option log-probabilities and representations: see `Engine.read`.

        Each option is scored in its own request by teacher forcing; vLLM's prefix cache lets these
        requests share the prompt's computation.
        """
        prefix = self._served.adapter(model)
        items = [self._served.reading(n, p, prefix) for n, p in enumerate(prompts)]
        if not items:
            return []
        self._ready()
        tails = [(item, option) for item in items for option in item.options or [[]]]
        with self._watched():
            asked = [self._pool.submit(self._states, *tail, prefix) for tail in tails]
            try:
                states = [one.result() for one in asked]
            finally:
                for one in asked:
                    one.cancel()
        return self._readings(prompts, tails, states)

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations (D,) float32 of texts: see `Engine.represent`."""
        prompts = [Prompt(instruction_id="", example_id="", text=t, options=()) for t in texts]
        return [reading.representation for reading in self.read(model, prompts)]

    async def stream(
        self, model: str, prompt: PromptInput, settings: GenerationSettings
    ) -> AsyncGenerator[CompletionChunk]:
        """Generates text and yields it in chunks: see `Engine.stream`."""
        prefix = self._served.adapter(model)
        if prefix is not None and prefix.virtual and _PROMPTS_TOKENS in settings.extra:
            raise InputError(
                f"{_PROMPTS_TOKENS}: not offered with a prefix, behind which vLLM does not know "
                "the prompt's tokens; leave it out"
            )
        item = self._served.item(0, prompt, (), prefix)
        transcript = Transcript(self._checkpoint.tokenizer, len(item.ids), settings)
        if settings.constraint is not None:
            # vLLM says what is wrong with one only in the middle of its reply.
            await asyncio.to_thread(self._constraints.start, settings.constraint)
        row = self._row(item.ids, prefix)
        stops = self._stops(settings)
        taken = len(item.ids) + (0 if prefix is None else prefix.virtual)
        limit = min(settings.max_tokens, self._checkpoint.context - taken)
        if limit > 0:
            await asyncio.to_thread(self._ready)
            tokens = self._client.generate(row, settings, limit, stops)
            with self._watched():
                async with aclosing(tokens):
                    async for token in tokens:
                        logprob = self._logprob(token, settings.logprobs)
                        if token.id in stops:
                            yield transcript.end("stop", logprob)
                            return
                        piece = transcript.add(token.id, logprob)
                        if piece is not None:
                            yield piece
                        if transcript.stopped:
                            return
        yield transcript.end("length")

    def prompt_logprobs(
        self, model: str, prompt: PromptInput, alternatives: int
    ) -> PromptScores:
        """Log-probabilities of a prompt's own tokens: see `Engine.prompt_logprobs`."""
        adapter = self._served.adapter(model)
        item = self._served.item(0, prompt, (), adapter)
        self._ready()
        with self._watched():
            states = self._given(self._row(item.ids, adapter), len(item.ids))
        tokenizer = self._checkpoint.tokenizer
        tokens = [TokenLogprob(token=tokenizer.decode(item.ids[:1]), logprob=None)]
        rows = self._ends.scores(torch.from_numpy(states[:-1, 1].copy()))
        tokens += [
            described(row, token, alternatives, tokenizer)
            for row, token in zip(rows, item.ids[1:], strict=True)
        ]
        text = prompt if isinstance(prompt, str) else tokenizer.decode(item.ids)
        return PromptScores(text=text, tokens=tuple(tokens))

    def chat_prompt(
        self, model: str, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt text of a conversation: see `Served.chat_prompt`."""
        return self._served.chat_prompt(model, messages, arguments)

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text as a prompt: see `Engine.count_tokens`."""
        counts = self._served.count_tokens(model, texts)
        # The tokenizer is in this process; vLLM is checked because `/readyz` relies on this call.
        self._ready()
        with self._watched():
            self._client.ping()
        return counts

    def check_prompts(self, model: str, prompts: Sequence[Prompt]) -> None:
        """Whether `read` would take prompts: see `Engine.check_prompts`."""
        self._served.check_prompts(model, prompts)

    def close(self) -> None:
        """Ends vLLM if it was started here."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        # Before the client, which the process's supervision uses.
        if self._process is not None:
            self._process.close()
        self._client.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Makes the next call check vLLM again after a failure."""
        try:
            yield
        except EngineError:
            self._trusted = False
            raise

    def _ready(self) -> None:
        """Checks vLLM, if it has not been checked since it was started or failed.

        Raises:
            EngineError: It does not answer, returns no hidden states, or has another model.
        """
        problem = None if self._process is None else self._process.problem()
        if problem is not None:
            self._trusted = False
            raise EngineError(f"vLLM {problem}; try again later")
        if self._trusted:
            return
        with self._lock:
            if not self._trusted:
                self._check()
                self._trusted = True

    def _check(self) -> None:
        version, context = self._client.describe()
        ids = self._checkpoint.tokenizer(_PROBE).input_ids
        row = Row(ids=tuple(ids))
        states = self._client.states(row, 1)
        if states is None:
            raise EngineError(
                f"vLLM {version} at {self._client.url} gives no hidden states, which "
                f"representations and option scores are made of; {self._hint}"
            )
        width = self._checkpoint.model.get_input_embeddings().weight.shape[1]
        other = EngineError(
            f"vLLM at {self._client.url} has another model than {self._checkpoint.id} "
            f"({self._client.model}); {self._hint}"
        )
        if states.shape[1:] != (2, width):
            raise other
        scores = next(self._ends.scores(torch.from_numpy(states[:, 1].copy())))
        top = self._client.first(row, _ALTERNATIVES).top
        if any(abs(float(scores[token]) - value) > _SCORES_TOLERANCE for token, value in top):
            raise other
        if any(a.kind is Kind.INPUT for a in self._served.adapters):
            self._check_embeddings(ids, states)
        for adapter in self._served.adapters:
            name = self._name_of(adapter)
            if adapter.kind is Kind.LORA and name not in self._client.adapters:
                raise EngineError(
                    f"vLLM at {self._client.url} has no LoRA adapter {name}; {self._hint}"
                )
        _log.info("vLLM %s answers at %s, %d tokens fit", version, self._client.url, context)

    def _check_embeddings(self, ids: list[int], states: FloatArray) -> None:
        try:
            again = self._client.states(Row(embeds=self._embeddings(ids)), 1)
        except InputError as error:
            raise EngineError(f"{error}; {self._hint}") from error
        if again is None or _apart(again, states) > _STATES_TOLERANCE:
            raise EngineError(
                f"{self._checkpoint.id} does not read embeddings in vLLM as it reads its own "
                "tokens, so no prefix can be put in front of it there; use --engine transformers"
            )

    def _embeddings(self, ids: Sequence[int]) -> torch.Tensor:
        with torch.inference_mode():
            embedded: torch.Tensor = self._checkpoint.model.get_input_embeddings()(
                torch.tensor(ids)
            )
        return embedded

    def _row(self, ids: Sequence[int], adapter: Adapter | None) -> Row:
        if adapter is None:
            return Row(ids=tuple(ids))
        if isinstance(adapter.front, torch.Tensor):
            return Row(embeds=torch.cat([adapter.front, self._embeddings(ids)]))
        return Row(ids=tuple(ids), adapter=self._name_of(adapter))

    def _name_of(self, adapter: Adapter) -> str:
        """The id of a served adapter, which is the name of LoRA in vLLM."""
        return f"{self._checkpoint.id}+{adapter.name}"

    def _stops(self, settings: GenerationSettings) -> frozenset[int]:
        """Ids of the tokens that end a text."""
        own = frozenset() if settings.extra.get("ignore_eos") else self._checkpoint.stops
        asked: Any = settings.extra.get("stop_token_ids", ())
        return own | frozenset(asked)

    def _states(self, item: Item, option: list[int], prefix: Adapter | None) -> FloatArray:
        """States (positions, 2, D) that predict the option's tokens; first the prompt's last."""
        row = self._row([*item.ids, *option[:-1]], prefix)
        return self._given(row, max(1, len(option)))

    def _given(self, row: Row, positions: int) -> FloatArray:
        """States (positions, 2, D) at a row's last positions."""
        states = self._client.states(row, positions)
        if states is None or states.shape[0] != positions:
            raise EngineError("vLLM gave no hidden states for a prompt")
        if not np.isfinite(states).all():
            raise EngineError(
                f"the model {self._checkpoint.id} gave values that are not numbers; its weights "
                "or their precision are at fault"
            )
        return states

    def _sums(
        self, tails: Sequence[tuple[Item, list[int]]], states: Sequence[FloatArray]
    ) -> list[float]:
        """The log-probability of each option, nats."""
        last = torch.from_numpy(np.concatenate([rows[:, 1] for rows in states]))
        # A prompt without options has one position too, whose score is not used.
        own = [token for _, option in tails for token in option or [self._checkpoint.end]]
        scores = self._ends.picked(last, torch.tensor(own))
        lengths = [len(rows) for rows in states]
        return [float(part.sum()) for part in torch.split(scores, lengths)]

    def _readings(
        self,
        prompts: Sequence[Prompt],
        tails: Sequence[tuple[Item, list[int]]],
        states: Sequence[FloatArray],
    ) -> list[Reading]:
        logprobs: list[list[float]] = [[] for _ in prompts]
        vectors: dict[int, FloatArray] = {}
        for (item, option), rows, value in zip(
            tails, states, self._sums(tails, states), strict=True
        ):
            vectors.setdefault(item.position, rows[0, 0])
            if option:
                logprobs[item.position].append(value)
        return [
            Reading(
                prompt_id=prompt.id,
                option_logprobs=self._served.rated(
                    prompt, np.asarray(logprobs[number], dtype=np.float32)
                ),
                representation=vectors[number],
            )
            for number, prompt in enumerate(prompts)
        ]

    def _logprob(self, token: Token, alternatives: int | None) -> TokenLogprob | None:
        if token.logprob is None or alternatives is None:
            return None
        decode = self._checkpoint.tokenizer.decode
        return TokenLogprob(
            token=decode([token.id]),
            logprob=token.logprob,
            # vLLM adds the generated token if it is not among the most probable.
            top=tuple((decode([i]), v) for i, v in token.top[:alternatives]),
        )


def _apart(one: FloatArray, other: FloatArray) -> float:
    """Relative distance between states of the penultimate layer."""
    return float(np.linalg.norm(one[:, 0] - other[:, 0]) / np.linalg.norm(other[:, 0]))
