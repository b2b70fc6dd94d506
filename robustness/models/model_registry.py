"""The models that an engine serves: a checkpoint, and the checkpoint with each adapter.

It resolves model ids, applies the chat format, tokenizes prompts and checks their length. Does not
run a model; see `transformers_engine.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from robustness.errors import InputError, MismatchError, ModelNotFoundError
from robustness.models import adapters, chat_formats
from robustness.models.adapters import Adapter
from robustness.models.batching import Item
from robustness.models.checkpoint import Checkpoint
from robustness.models.engine import ModelInfo, Withheld
from robustness.models.load_options import PLAIN, Loading, OptionScores
from robustness.types import PER_BYTE, FloatArray, Prompt, PromptInput, RepresentationSpec


class Served:
    """A backbone and its adapters, by model id."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        prefixes: Mapping[str, Path] | None = None,
        *,
        layer: int = -2,
        model: str = "",
        prompt_format: str = chat_formats.NONE,
        loading: Loading = PLAIN,
        obstacle: Callable[[Path, Checkpoint], str | None] = adapters.obstacle_in,
        loader: Callable[[Checkpoint], adapters.Loader] = adapters.Loader,
    ) -> None:
        """Loads the adapters.

        Args:
            checkpoint: The backbone.
            prefixes: Name -> folder of a PEFT adapter; each is served as `<model>+<name>`.
            layer: Index into `hidden_states` of the representations.
            model: Name under which the model was loaded, from which the chat format may follow.
            prompt_format: Chat format of the prompts: see `chat_formats.choose`.
            loading: What the chat template is told, and how options are compared.
            obstacle: Says why the engine cannot serve the adapter in a folder, which is then
                withheld.
            loader: Makes the loader of the adapters.

        Raises:
            NotFoundError, CorruptFileError, MismatchError, InputError: See `adapters.Loader` and
                `chat_formats.choose`; or an adapter was trained with another chat format.
        """
        self.checkpoint = checkpoint
        self.layer = layer
        self._format = chat_formats.choose(
            prompt_format, model, checkpoint.tokenizer, loading.template
        )
        self._per_byte = OptionScores(loading.option_scores) == OptionScores.PER_BYTE
        self._adapters: dict[str, Adapter | None] = {checkpoint.id: None}
        self._withheld: list[Withheld] = []
        loads = loader(checkpoint)
        for name, folder in (prefixes or {}).items():
            served = f"{checkpoint.id}+{name}"
            if reason := obstacle(folder, checkpoint):
                self._withheld.append(Withheld(id=served, reason=reason))
            else:
                adapter = loads.load(name, folder)
                self._adapters[served] = self._in_its_format(adapter, folder)

    @property
    def adapters(self) -> list[Adapter]:
        """The adapters of the served models."""
        return [adapter for adapter in self._adapters.values() if adapter is not None]

    def withheld(self) -> list[Withheld]:
        """The models that were requested but that the engine cannot serve."""
        return list(self._withheld)

    def _in_its_format(self, adapter: Adapter, folder: Path) -> Adapter:
        trained, served = adapter.prompt_format, self._format.name
        if trained in (None, served):
            return adapter
        asked = "auto" if str(trained).startswith("chat@") else trained
        told = " and the options of the chat template in brackets" if "(" in str(trained) else ""
        raise MismatchError(
            f"the adapter at {folder} was trained on prompts in the format {trained}; the model "
            f"reads them in the format {served}; serve it with --prompt-format {asked}{told}, "
            "or train it again with: python -m robustness align --prompt-format"
        )

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        return [
            ModelInfo(
                id=served,
                spec=RepresentationSpec(
                    model=self.checkpoint.id,
                    revision=self.checkpoint.revision,
                    prefix=None if adapter is None else f"{adapter.name}@{adapter.digest}",
                    layer=self.layer,
                    prompt_format=self._format.name + (PER_BYTE if self._per_byte else ""),
                ),
                context=self.checkpoint.context,
            )
            for served, adapter in self._adapters.items()
        ]

    def adapter(self, model: str) -> Adapter | None:
        """The adapter of a served model; None for the original.

        Raises:
            ModelNotFoundError: No such model.
        """
        if model in self._adapters:
            return self._adapters[model]
        known = ", ".join(self._adapters)
        reason = next((f" ({w.reason})" for w in self._withheld if w.id == model), "")
        raise ModelNotFoundError(f"no model {model!r}{reason}; there are {known}")

    def reading(self, position: int, prompt: Prompt, adapter: Adapter | None) -> Item:
        """A prompt in the chat format as token ids, with its options, to be scored.

        Raises: As `item`.
        """
        text = self._format.wrap(prompt.text) if prompt.text else ""
        return self.item(position, text, prompt.options, adapter)

    def rated(self, prompt: Prompt, logprobs: FloatArray) -> FloatArray:
        """The scores by which a prompt's options are compared.

        Args:
            prompt: The prompt.
            logprobs: (C,) float32, nats: log-probabilities of its options.
        """
        if not self._per_byte:
            return logprobs
        sizes = np.array([max(1, len(o.encode())) for o in prompt.options], dtype=np.float32)
        made: FloatArray = np.divide(logprobs, sizes)
        return made

    def check_prompts(self, model: str, prompts: Sequence[Prompt]) -> None:
        """Whether prompts fit: see `Engine.check_prompts`."""
        adapter = self.adapter(model)
        for number, prompt in enumerate(prompts):
            self.reading(number, prompt, adapter)

    def item(
        self, position: int, text: PromptInput, options: Sequence[str], adapter: Adapter | None
    ) -> Item:
        """A text as token ids, with its options.

        Args:
            position: Position of the prompt in the request.
            text: The prompt's text, in its chat format; or its token ids.
            options: The options to score after it.
            adapter: The adapter, whose virtual tokens count towards the context.

        Raises:
            InputError: The text is empty or exceeds the context, or an id is none of the model's.
        """
        tokenizer = self.checkpoint.tokenizer
        ids = self._ids(text)
        if not ids:
            raise InputError("the prompt is empty; write an instruction")
        scored = [
            [*tokenizer(option, add_special_tokens=False).input_ids, *self._format.end]
            for option in options
        ]
        virtual = 0 if adapter is None else adapter.virtual
        # In an encoder-decoder model the options are in the decoder and take no space here.
        own = 0 if self.checkpoint.encoder_decoder else max(map(len, scored), default=0)
        total = virtual + len(ids) + own
        if total > self.checkpoint.context:
            raise InputError(
                f"the prompt has {total} tokens ({len(ids)} of text, {virtual} virtual, {own} of "
                f"the longest option), the model {self.checkpoint.id} takes at most "
                f"{self.checkpoint.context}; shorten the input"
            )
        return Item(position, ids, scored)

    def _ids(self, text: PromptInput) -> list[int]:
        if isinstance(text, str):
            ids: list[int] = self.checkpoint.tokenizer(text, verbose=False).input_ids
            return ids
        size = self.checkpoint.model.get_input_embeddings().weight.shape[0]
        wrong = next((number for number in text if not 0 <= number < size), None)
        if wrong is not None:
            raise InputError(
                f"prompt: token id {wrong} is not among the {size} of {self.checkpoint.id}"
            )
        return list(text)

    def chat_prompt(
        self, model: str, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt of a conversation: see `Engine.chat_prompt`.

        Without a chat template it is the messages' texts, one per line, in the chat format.
        """
        self.adapter(model)
        return self._format.conversation(messages, arguments)

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text: see `Engine.count_tokens`."""
        self.adapter(model)
        tokenizer = self.checkpoint.tokenizer
        return [len(tokenizer(text, verbose=False).input_ids) for text in texts]

    def clear(self) -> None:
        """Removes all models."""
        self._adapters.clear()
