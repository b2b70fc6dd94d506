"""The engine in this process: transformers models, with soft prefixes put in front by hand.

Refuses to know instructions and tasks: prompts come in, readings and text go out.
"""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

from robustness import checkpoint as checkpoints
from robustness.batches import Batch, Item, Read, grouped, padded
from robustness.checkpoint import Checkpoint, SoftPrefix
from robustness.decoding import Decoding
from robustness.engine import ModelInfo
from robustness.errors import EngineError
from robustness.served import Served
from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    Reading,
)


class TransformersEngine:
    """Implements `robustness.engine.Engine` for decoder-only and encoder-decoder models."""

    def __init__(
        self,
        model: str | Path,
        *,
        prefixes: Mapping[str, Path] | None = None,
        revision: str | None = None,
        device: str = "auto",
        batch_tokens: int | None = None,
        layer: int = -2,
        name: str | None = None,
    ) -> None:
        """Loads the model and its prefixes.

        Args:
            model: A folder in transformers' format, or a hub name.
            prefixes: Name -> PEFT adapter folder; each is served as `<model>+<name>`.
            revision: The hub's branch, tag or commit.
            device: `auto`, `cpu`, `cuda`...
            batch_tokens: Padded tokens that are computed together; by default 1024 on a CPU, where
                more is slower, and 16384 on a GPU.
            layer: Index into `hidden_states` that representations are taken from.
            name: The served id; by default the folder's or the hub's name.

        Raises:
            NotFoundError, CorruptFileError, MismatchError, InputError: See `checkpoint.load` and
                `checkpoint.load_prefix`.
        """
        self._checkpoint = checkpoints.load(model, revision=revision, device=device, name=name)
        self._served = Served(self._checkpoint, prefixes, layer=layer)
        on_cpu = self._checkpoint.device.type == "cpu"
        self._batch_tokens = batch_tokens or (1024 if on_cpu else 16384)
        self._layer = layer
        self._lock = threading.Lock()
        self._forward_keys = set(inspect.signature(self._checkpoint.model.forward).parameters)
        self.name = f"transformers on {self._checkpoint.device}"

    @property
    def checkpoint(self) -> Checkpoint:
        """The loaded model."""
        return self._checkpoint

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        return self._served.models()

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Option log-probabilities and representations: see `Engine.read`."""
        prefix = self._served.prefix(model)
        items = [self._served.item(n, p.text, p.options, prefix) for n, p in enumerate(prompts)]
        readings: list[Reading | None] = [None] * len(items)
        virtual = 0 if prefix is None else prefix.table.shape[0]
        for batch in grouped(items, virtual, self._batch_tokens):
            done = self._run(batch, prefix)
            for item, logprobs, vector in zip(
                batch, done.logprobs, done.representations, strict=True
            ):
                readings[item.position] = Reading(
                    prompt_id=prompts[item.position].id,
                    option_logprobs=np.asarray(logprobs, dtype=np.float32),
                    representation=vector,
                )
        return [r for r in readings if r is not None]

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations (D,) float32 of bare texts: see `Engine.represent`."""
        prompts = [
            Prompt(instruction_id="", example_id="", text=text, options=()) for text in texts
        ]
        return [reading.representation for reading in self.read(model, prompts)]

    async def stream(
        self, model: str, prompt: str, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        """Generates text, piece by piece: see `Engine.stream`."""
        prefix = self._served.prefix(model)
        item = self._served.item(0, prompt, (), prefix)
        embeds = self._embed([item], prefix).embeds
        decoding = Decoding(self._checkpoint, embeds, len(item.ids), settings, self._lock)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[CompletionChunk | BaseException | None] = asyncio.Queue()
        stopped = threading.Event()

        def work() -> None:
            last: BaseException | None = None
            try:
                for chunk in decoding.chunks():
                    if stopped.is_set():
                        return
                    loop.call_soon_threadsafe(queue.put_nowait, chunk)
            except Exception as error:  # whatever it is, the consumer raises it
                last = error
            finally:
                # The loop may be closed already when nobody waits for the end.
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

    def chat_prompt(self, model: str, messages: Sequence[dict[str, str]]) -> str:
        """The text that the model reads for a conversation: see `Served.chat_prompt`."""
        return self._served.chat_prompt(model, messages)

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a prompt: see `Engine.count_tokens`."""
        return self._served.count_tokens(model, texts)

    def close(self) -> None:
        """Frees the model; nothing can be asked afterwards."""
        with self._lock:
            self._served.clear()
            self._checkpoint.model.to("meta")

    @torch.inference_mode()
    def _embed(self, batch: Sequence[Item], prefix: SoftPrefix | None) -> Batch:
        device = self._checkpoint.device
        ids, mask = padded([item.ids for item in batch])
        embeds = self._checkpoint.model.get_input_embeddings()(ids.to(device))
        mask = mask.to(device)
        if prefix is not None:
            table = prefix.table.expand(len(batch), -1, -1)
            embeds = torch.cat([table, embeds], dim=1)
            mask = torch.cat([mask.new_ones(table.shape[:2]), mask], dim=1)
        return Batch(embeds, mask, mask.sum(dim=1))

    def _run(self, batch: Sequence[Item], prefix: SoftPrefix | None) -> Read:
        with self._lock, torch.inference_mode():
            embedded = self._embed(batch, prefix)
            try:
                if self._checkpoint.encoder_decoder:
                    done = self._run_encoder_decoder(batch, embedded)
                else:
                    done = self._run_decoder(batch, embedded)
            except torch.OutOfMemoryError as error:
                raise EngineError(
                    "the device ran out of memory; use a smaller batch_tokens"
                ) from error
        finite = np.isfinite(done.representations).all() and all(
            np.isfinite(row).all() for row in done.logprobs
        )
        if not finite:
            raise EngineError(
                f"the model {self._checkpoint.id} gave values that are not numbers for one of "
                f"{len(batch)} prompts; its weights or their precision are at fault"
            )
        return done

    def _arguments(self, embedded: Batch) -> dict[str, Any]:
        """Arguments of the first pass over the prompts, as far as the model knows them."""
        last = torch.unique(embedded.lengths - 1)
        positions = (embedded.mask.cumsum(-1) - 1).clamp(0)
        optional = {"position_ids": positions, "logits_to_keep": last}
        known = {k: v for k, v in optional.items() if k in self._forward_keys}
        return {"inputs_embeds": embedded.embeds, "attention_mask": embedded.mask} | known

    def _run_decoder(self, batch: Sequence[Item], embedded: Batch) -> Read:
        out = self._checkpoint.model(
            **self._arguments(embedded),
            use_cache=any(item.options for item in batch),
            output_hidden_states=True,
        )
        rows = torch.arange(len(batch), device=self._checkpoint.device)
        vectors = out.hidden_states[self._layer][rows, embedded.lengths - 1]
        at = embedded.lengths - 1
        if out.logits.shape[1] != embedded.embeds.shape[1]:
            at = torch.searchsorted(torch.unique(at), at)
        first = out.logits[rows, at].float().log_softmax(-1)
        cache = out.past_key_values
        logprobs: list[list[float]] = [[] for _ in batch]
        pairs = [(row, option) for row, item in enumerate(batch) for option in item.options]
        shared = isinstance(cache, DynamicCache) and all(
            type(layer) is DynamicLayer for layer in cache.layers
        )
        width = embedded.embeds.shape[1]
        step = max(1, 2 * self._batch_tokens // width)
        for start in range(0, len(pairs), step):
            part = pairs[start : start + step]
            if shared:
                sums = self._continue_cached(part, embedded, cache, first)
            else:
                sums = self._continue_whole(part, embedded)
            for (row, _), value in zip(part, sums.tolist(), strict=True):
                logprobs[row].append(value)
        return Read(logprobs, vectors.float().cpu().numpy())

    def _targets(self, options: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = padded(options)
        return ids.to(self._checkpoint.device), mask.to(self._checkpoint.device)

    def _continue_cached(
        self,
        pairs: Sequence[tuple[int, list[int]]],
        embedded: Batch,
        cache: DynamicCache,
        first: torch.Tensor,
    ) -> torch.Tensor:
        """Sums over each option's tokens, from the prompts' keys and values."""
        rows = torch.tensor([row for row, _ in pairs], device=self._checkpoint.device)
        ids, mask = self._targets([option for _, option in pairs])
        total = first[rows].gather(1, ids[:, :1]).squeeze(1)
        if ids.shape[1] == 1:
            return total
        copied = DynamicCache()
        for number, layer in enumerate(cache.layers):
            copied.update(layer.keys[rows], layer.values[rows], number)
        steps = torch.arange(ids.shape[1] - 1, device=ids.device)
        optional = {"position_ids": embedded.lengths[rows][:, None] + steps}
        out = self._checkpoint.model(
            input_ids=ids[:, :-1],
            attention_mask=torch.cat([embedded.mask[rows], mask[:, :-1]], dim=1),
            past_key_values=copied,
            **{k: v for k, v in optional.items() if k in self._forward_keys},
        )
        rest = out.logits.float().log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(2)
        summed: torch.Tensor = total + (rest * mask[:, 1:]).sum(dim=1)
        return summed

    def _continue_whole(
        self, pairs: Sequence[tuple[int, list[int]]], embedded: Batch
    ) -> torch.Tensor:
        """The same sums for models whose cache cannot be copied: prompt and option in one row."""
        lookup = self._checkpoint.model.get_input_embeddings()
        rows = [
            torch.cat(
                [
                    embedded.embeds[row, : int(embedded.lengths[row])],
                    lookup(torch.tensor(option, device=self._checkpoint.device)),
                ]
            )
            for row, option in pairs
        ]
        embeds = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(row) for row in rows], device=embeds.device)
        mask = (torch.arange(embeds.shape[1], device=embeds.device) < lengths[:, None]).long()
        out = self._checkpoint.model(
            inputs_embeds=embeds, attention_mask=mask, use_cache=False,
            **(
                {"position_ids": (mask.cumsum(-1) - 1).clamp(0)}
                if "position_ids" in self._forward_keys else {}
            ),
        )
        sums = []
        for number, (row, option) in enumerate(pairs):
            start = int(embedded.lengths[row]) - 1
            scores = out.logits[number, start : start + len(option)].float().log_softmax(-1)
            targets = torch.tensor(option, device=scores.device)
            sums.append(scores.gather(1, targets[:, None]).sum())
        return torch.stack(sums)

    def _run_encoder_decoder(self, batch: Sequence[Item], embedded: Batch) -> Read:
        model = self._checkpoint.model
        encoded = model.get_encoder()(
            inputs_embeds=embedded.embeds, attention_mask=embedded.mask
        ).last_hidden_state
        begin = int(model.config.decoder_start_token_id)
        first = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            attention_mask=embedded.mask,
            decoder_input_ids=torch.full((len(batch), 1), begin, device=encoded.device),
            output_hidden_states=True, use_cache=False,
        )
        vectors = first.decoder_hidden_states[self._layer][:, 0]
        logprobs: list[list[float]] = [[] for _ in batch]
        pairs = [(row, option) for row, item in enumerate(batch) for option in item.options]
        step = max(1, 2 * self._batch_tokens // embedded.embeds.shape[1])
        for start in range(0, len(pairs), step):
            part = pairs[start : start + step]
            rows = torch.tensor([row for row, _ in part], device=encoded.device)
            ids, mask = self._targets([option for _, option in part])
            shifted = torch.cat([ids.new_full((len(part), 1), begin), ids[:, :-1]], dim=1)
            out = model(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded[rows]),
                attention_mask=embedded.mask[rows],
                decoder_input_ids=shifted, use_cache=False,
            )
            scores = out.logits.float().log_softmax(-1).gather(2, ids[:, :, None]).squeeze(2)
            for (row, _), value in zip(part, (scores * mask).sum(dim=1).tolist(), strict=True):
                logprobs[row].append(value)
        return Read(logprobs, vectors.float().cpu().numpy())
