"""The default engine: it runs transformers models in this process, with soft prompts or LoRA.

It takes prompts and returns the options' log-probabilities, representations and generated text.
Does not choose how options are scored; see `scorers/`.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from robustness.errors import EngineError, InputError
from robustness.models import chat_formats
from robustness.models import checkpoint as checkpoints
from robustness.models.adapters import Adapter
from robustness.models.batching import Item, Read
from robustness.models.checkpoint import Checkpoint
from robustness.models.constraints import Constraints
from robustness.models.engine import ModelInfo, Withheld
from robustness.models.load_options import AUTO, PLAIN, Loading
from robustness.models.model_registry import Served
from robustness.models.prompt_scores import scores_of
from robustness.models.sampling import Decoding
from robustness.models.scorers import scorer_of
from robustness.models.turns import Turns
from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    PromptInput,
    PromptScores,
    Reading,
)
from robustness.urgency import Urgency, urgent

_log = logging.getLogger(__name__)


class TransformersEngine:
    """Implements `Engine` for decoder-only and encoder-decoder transformers models."""

    def __init__(
        self,
        model: str | Path,
        *,
        prefixes: Mapping[str, Path] | None = None,
        loading: Loading | None = None,
        device: str = AUTO,
        batch_tokens: int | None = None,
        layer: int = -2,
        name: str | None = None,
        share_starts: bool = True,
        prompt_format: str = chat_formats.NONE,
    ) -> None:
        """Loads the model and its adapters.

        Args:
            model: A folder in transformers' format, or a name on the hub.
            prefixes: Name -> folder of a PEFT adapter (input prefix, deep prefix or LoRA); each is
                served as `<model>+<name>`.
            loading: Revision, device, number type, what the chat template is told, and which code
                may run.
            device: The device, where `loading` is not given.
            batch_tokens: Most padded tokens of a forward pass; None: see `scorer_of`.
            layer: Index into `hidden_states` of the representations.
            name: The model's id; by default the name of the folder or on the hub.
            share_starts: Whether the shared prefix of prompts is computed once.
            prompt_format: Chat format of the prompts: see `chat_formats.choose`.

        Raises:
            NotFoundError, CorruptFileError, MismatchError, InputError: See `checkpoint.load` and
                `adapters.Loader` and `chat_formats.choose`.
        """
        self._checkpoint = checkpoints.load(model, loading=loading, device=device, name=name)
        self._served = Served(
            self._checkpoint, prefixes, layer=layer, model=str(model),
            prompt_format=prompt_format, loading=loading or PLAIN,
        )
        self._turns = Turns()
        self._constraints = Constraints(self._checkpoint)
        fronts = [a.front for a in self._served.adapters if a.front is not None]
        self._chosen = scorer_of(
            self._checkpoint, layer=layer, share_starts=share_starts, fronts=fronts,
            batch_tokens=batch_tokens,
        )
        if self._chosen.reason is not None:
            _log.warning(
                "%s: options are scored by the %s scorer, which is slower (%s)",
                self._checkpoint.id, self._chosen.scorer.name, self._chosen.reason,
            )
        self.name = f"transformers on {self._checkpoint.device}"

    @property
    def checkpoint(self) -> Checkpoint:
        """The loaded model."""
        return self._checkpoint

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        scorer, slower = self._chosen.scorer.name, self._chosen.reason
        return [replace(m, scorer=scorer, slower=slower) for m in self._served.models()]

    def withheld(self) -> list[Withheld]:
        """The adapters that were requested but that this model cannot have."""
        return self._served.withheld()

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Scores options and returns representations: see `Engine.read`."""
        adapter = self._served.adapter(model)
        items = [self._served.reading(n, p, adapter) for n, p in enumerate(prompts)]
        scores = [np.empty(len(p.options), dtype=np.float32) for p in prompts]
        vectors: dict[int, FloatArray] = {}
        for done in self._steps(items, adapter):
            for item, logprobs, vector in zip(
                done.items, done.logprobs, done.representations, strict=True
            ):
                scores[item.position][item.first : item.first + len(logprobs)] = logprobs
                vectors[item.position] = vector
        return [
            Reading(
                prompt_id=p.id, option_logprobs=self._served.rated(p, scores[n]),
                representation=vectors[n],
            )
            for n, p in enumerate(prompts)
        ]

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations of texts: see `Engine.represent`."""
        prompts = [
            Prompt(instruction_id="", example_id="", text=text, options=()) for text in texts
        ]
        return [reading.representation for reading in self.read(model, prompts)]

    async def stream(
        self, model: str, prompt: PromptInput, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        """Generates text and yields it in pieces: see `Engine.stream`."""
        for name, value in settings.extra.items():
            raise InputError(
                f"{name}: not offered by the transformers engine, found {value!r}; leave it out"
            )
        adapter = self._served.adapter(model)
        item = self._served.item(0, prompt, (), adapter)
        constrained = None
        if settings.constraint is not None:
            constrained = await asyncio.to_thread(self._constraints.start, settings.constraint)
        decoding = Decoding(
            self._checkpoint, item, settings, self._turns, adapter, constrained
        )
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[CompletionChunk | BaseException | None] = asyncio.Queue()
        stopped = threading.Event()

        def work() -> None:
            last: BaseException | None = None
            try:
                with urgent(Urgency.LONG):
                    for chunk in decoding.chunks():
                        if stopped.is_set():
                            return
                        loop.call_soon_threadsafe(queue.put_nowait, chunk)
            except Exception as error:  # raised again where the text is consumed
                last = error
            finally:
                # The loop may be closed already if the consumer is gone.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(queue.put_nowait, last)

        worker = threading.Thread(target=work, name="steadfast-stream", daemon=True)
        worker.start()
        try:
            while (piece := await queue.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            stopped.set()

    def prompt_logprobs(
        self, model: str, prompt: PromptInput, alternatives: int
    ) -> PromptScores:
        """Log-probabilities of a prompt's own tokens: see `Engine.prompt_logprobs`."""
        adapter = self._served.adapter(model)
        item = self._served.item(0, prompt, (), adapter)
        with self._turns.taken(None if adapter is None else adapter.lora):
            front = None if adapter is None else adapter.front
            tokens = scores_of(self._checkpoint, item, front, alternatives)
        decode = self._checkpoint.tokenizer.decode
        text = prompt if isinstance(prompt, str) else decode(item.ids)
        return PromptScores(text=text, tokens=tuple(tokens))

    def chat_prompt(
        self, model: str, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt of a conversation: see `Served.chat_prompt`."""
        return self._served.chat_prompt(model, messages, arguments)

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text: see `Engine.count_tokens`."""
        return self._served.count_tokens(model, texts)

    def check_prompts(self, model: str, prompts: Sequence[Prompt]) -> None:
        """Whether `read` would take prompts: see `Engine.check_prompts`."""
        self._served.check_prompts(model, prompts)

    def close(self) -> None:
        """Frees the model; the engine cannot be used afterwards."""
        with self._turns.taken(None):
            self._served.clear()
            self._checkpoint.model.to("meta")

    def _steps(self, items: Sequence[Item], adapter: Adapter | None) -> Iterator[Read]:
        steps = self._chosen.scorer.read(items, None if adapter is None else adapter.front)
        lora = None if adapter is None else adapter.lora
        while True:
            with self._turns.taken(lora):
                try:
                    done = next(steps, None)
                except torch.OutOfMemoryError as error:
                    raise EngineError(
                        "the device ran out of memory; use a smaller batch_tokens"
                    ) from error
            if done is None:
                return
            self._check(done)
            yield done

    def _check(self, done: Read) -> None:
        finite = np.isfinite(done.representations).all() and all(
            np.isfinite(row).all() for row in done.logprobs
        )
        if not finite:
            raise EngineError(
                f"the model {self._checkpoint.id} gave values that are not numbers for one of "
                f"{len(done.items)} prompts; its weights or their precision are at fault"
            )
