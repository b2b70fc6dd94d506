"""Generates text from a transformers model token by token, with sampling and log-probabilities.

`transformers_engine` runs it in a worker thread.
"""

from collections.abc import Iterator
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput

from robustness.errors import EngineError
from robustness.models.adapters import Adapter
from robustness.models.batching import Item, embedded
from robustness.models.cached_forward import cache_of, cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.constraints import Constrained
from robustness.models.detokenizer import Transcript
from robustness.models.soft_prompts import KeysValues
from robustness.models.turns import Turns
from robustness.types import CompletionChunk, GenerationSettings, TokenLogprob

_COLD = 1e-20
"""Temperatures below this one leave nothing to chance, and logits divided by them overflow."""


def sample(
    logits: torch.Tensor, settings: GenerationSettings, generator: torch.Generator
) -> int:
    """Draws the next token by temperature and top-p; returns its id.

    Args:
        logits: (V,) float32 on the CPU.
        settings: The settings; temperature 0 gives the most probable token.
        generator: Random numbers.
    """
    if settings.temperature < _COLD:
        return int(logits.argmax())
    probabilities = (logits / settings.temperature).softmax(-1)
    ordered, ids = probabilities.sort(descending=True)
    # Top-p: keep the most probable tokens until their sum reaches top_p, at least one.
    ordered[(ordered.cumsum(-1) - ordered) >= settings.top_p] = 0.0
    if float(ordered.sum()) == 0.0:
        return int(ids[0])
    return int(ids[torch.multinomial(ordered, 1, generator=generator)])


def described(
    logits: torch.Tensor, token: int, alternatives: int, tokenizer: Any
) -> TokenLogprob:
    """A token with its log-probability and the most probable alternatives.

    Args:
        logits: (V,) float32; minus infinity where a token cannot come.
        token: Its id.
        alternatives: How many of the most probable tokens to give.
        tokenizer: The model's tokenizer.
    """
    scores = logits.log_softmax(-1)
    best = scores.topk(min(alternatives, scores.shape[0]))
    return TokenLogprob(
        token=tokenizer.decode([token]),
        logprob=float(scores[token]),
        top=tuple(
            (tokenizer.decode([i]), v)
            for i, v in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            if v > -torch.inf
        ),
    )


class Decoding:
    """The generation of one text."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        item: Item,
        settings: GenerationSettings,
        turns: Turns,
        adapter: Adapter | None = None,
        constrained: Constrained | None = None,
    ) -> None:
        """Prepares the generation; runs nothing yet.

        Args:
            checkpoint: The model.
            item: The prompt.
            settings: The sampling settings.
            turns: The model's lock, taken for each token, so that generations alternate.
            adapter: The adapter in use; None: the original model.
            constrained: Which tokens may come next; None: any.
        """
        self._constrained = constrained
        self._checkpoint = checkpoint
        self._item = item
        self._settings = settings
        self._turns = turns
        self._front = None if adapter is None else adapter.front
        self._lora = None if adapter is None else adapter.lora
        self._generator = torch.Generator()
        if settings.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(settings.seed)
        self._ids: list[int] = []

    def chunks(self) -> Iterator[CompletionChunk]:
        """Yields the text in pieces; the last one carries the finish reason.

        Raises:
            EngineError: The model returned values that are not finite.
        """
        taken = len(self._item.ids) + (0 if self._front is None else len(self._front))
        room = self._checkpoint.context - taken
        if self._checkpoint.encoder_decoder:
            room = self._checkpoint.context
        transcript = Transcript(self._checkpoint.tokenizer, len(self._item.ids), self._settings)
        self._ids = transcript.ids
        steps = self._steps()
        for _ in range(min(self._settings.max_tokens, room)):
            logits = next(steps)
            if self._constrained is not None:
                logits = self._constrained.limited(logits)
            token = sample(logits, self._settings, self._generator)
            wanted, logprob = self._settings.logprobs, None
            if wanted is not None:
                logprob = described(logits, token, wanted, self._checkpoint.tokenizer)
            if token in self._checkpoint.stops:
                yield transcript.end("stop", logprob)
                return
            if (piece := transcript.add(token, logprob)) is not None:
                yield piece
            if transcript.stopped:
                return
            if self._constrained is not None:
                self._constrained.add(token)
                if self._constrained.complete:
                    yield transcript.end("stop")
                    return
        yield transcript.end("length")

    def _steps(self) -> Iterator[torch.Tensor]:
        """Yields the logits of the next token, (V,) float32 on the CPU, after the tokens so far."""
        step = self._encoder_decoder_step if self._checkpoint.encoder_decoder else self._step
        cache: Any = None
        while True:
            with self._turns.taken(self._lora):
                out = step(cache)
                logits: torch.Tensor = out.logits[0, -1].float().cpu()
            if not bool(torch.isfinite(logits).any()) or bool(torch.isnan(logits).any()):
                raise EngineError(
                    f"the model {self._checkpoint.id} gave values that are not numbers"
                )
            cache = cache_of(out)
            yield logits

    def _embeds(self) -> torch.Tensor:
        """(1, T, D) embeddings of the prompt, after those of an input prefix."""
        lookup = self._checkpoint.model.get_input_embeddings()
        return embedded([self._item], lookup, self._front, self._checkpoint.device).embeds

    def _step(self, cache: Any) -> Any:
        if cache is None:
            deep = self._front.cache(1) if isinstance(self._front, KeysValues) else None
            return cached_forward(
                self._checkpoint.model, deep, inputs_embeds=self._embeds(), use_cache=True
            )
        last = torch.tensor([[self._ids[-1]]], device=self._checkpoint.device)
        return cached_forward(self._checkpoint.model, cache, input_ids=last, use_cache=True)

    def _encoder_decoder_step(self, cache: Any) -> Any:
        model = self._checkpoint.model
        if cache is None:
            self._encoded = model.get_encoder()(inputs_embeds=self._embeds()).last_hidden_state
        last = self._ids[-1] if self._ids else self._checkpoint.decoder_start
        return cached_forward(
            model, cache, encoder_outputs=BaseModelOutput(last_hidden_state=self._encoded),
            decoder_input_ids=torch.tensor([[last]], device=self._checkpoint.device),
            use_cache=True,
        )
