"""What an engine serves: a checkpoint under several model ids, one with each soft prefix.

Refuses to compute: it knows names, tokens, lengths and chat templates.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustness import checkpoint as checkpoints
from robustness import formats
from robustness.batches import Item
from robustness.checkpoint import Checkpoint, SoftPrefix
from robustness.engine import ModelInfo
from robustness.errors import InputError, MismatchError, ModelNotFoundError
from robustness.types import Prompt, RepresentationSpec


class Served:
    """A checkpoint and its prefixes."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        prefixes: Mapping[str, Path] | None = None,
        *,
        layer: int = -2,
        model: str = "",
        prompt_format: str = formats.NONE,
    ) -> None:
        """Loads the prefixes.

        Args:
            checkpoint: The backbone.
            prefixes: Name -> PEFT adapter folder; each is served as `<model>+<name>`.
            layer: Index into `hidden_states` that representations are taken from.
            model: The name that the checkpoint was asked for by, for the format.
            prompt_format: What stands around prompts that are read: see `formats.choose`.

        Raises:
            NotFoundError, CorruptFileError, MismatchError, InputError: See
                `checkpoint.load_prefix` and `formats.choose`; a prefix was trained on prompts in
                another format.
        """
        self.checkpoint = checkpoint
        self.layer = layer
        self._format = formats.choose(prompt_format, model, checkpoint.tokenizer)
        self._prefixes: dict[str, SoftPrefix | None] = {checkpoint.id: None}
        for name, folder in (prefixes or {}).items():
            served = f"{checkpoint.id}+{name}"
            self._prefixes[served] = self._in_its_format(
                checkpoints.load_prefix(name, folder, checkpoint), folder
            )

    def _in_its_format(self, prefix: SoftPrefix, folder: Path) -> SoftPrefix:
        trained, served = prefix.prompt_format, self._format.name
        if trained in (None, served):
            return prefix
        asked = "auto" if str(trained).startswith("chat@") else trained
        raise MismatchError(
            f"the prefix at {folder} was trained on prompts in the format {trained}, and the model "
            f"reads them in the format {served}; serve it with --prompt-format {asked}, or train "
            "it again with: python -m robustness align --prompt-format"
        )

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        return [
            ModelInfo(
                id=served,
                spec=RepresentationSpec(
                    model=self.checkpoint.id,
                    revision=self.checkpoint.revision,
                    prefix=None if prefix is None else f"{prefix.name}@{prefix.digest}",
                    layer=self.layer,
                    prompt_format=self._format.name,
                ),
                context=self.checkpoint.context,
            )
            for served, prefix in self._prefixes.items()
        ]

    def prefix(self, model: str) -> SoftPrefix | None:
        """The prefix of a served model, None for the original.

        Raises:
            ModelNotFoundError: No such model.
        """
        if model not in self._prefixes:
            known = ", ".join(self._prefixes)
            raise ModelNotFoundError(f"no model {model!r}; there are {known}")
        return self._prefixes[model]

    def reading(self, position: int, prompt: Prompt, prefix: SoftPrefix | None) -> Item:
        """One prompt to be read, in the served format.

        Raises: As `item`.
        """
        text = self._format.wrap(prompt.text) if prompt.text else ""
        return self.item(position, text, prompt.options, prefix)

    def item(
        self, position: int, text: str, options: Sequence[str], prefix: SoftPrefix | None
    ) -> Item:
        """One prompt as token ids.

        Raises:
            InputError: It is empty or does not fit the context.
        """
        tokenizer = self.checkpoint.tokenizer
        ids: list[int] = tokenizer(text, verbose=False).input_ids
        if not ids:
            raise InputError("the prompt is empty; write an instruction")
        scored = [
            [*tokenizer(option, add_special_tokens=False).input_ids, self.checkpoint.end]
            for option in options
        ]
        virtual = 0 if prefix is None else prefix.table.shape[0]
        # An encoder-decoder model reads the options in its decoder.
        own = 0 if self.checkpoint.encoder_decoder else max(map(len, scored), default=0)
        total = virtual + len(ids) + own
        if total > self.checkpoint.context:
            raise InputError(
                f"the prompt has {total} tokens ({len(ids)} of text, {virtual} virtual, {own} of "
                f"the longest option), the model {self.checkpoint.id} reads at the most "
                f"{self.checkpoint.context}; shorten the input"
            )
        return Item(position, ids, scored)

    def chat_prompt(self, model: str, messages: Sequence[dict[str, str]]) -> str:
        """The text that the model reads for a conversation: see `Engine.chat_prompt`.

        A tokenizer without a chat template gets the messages' texts, one a line, in the served
        format.
        """
        self.prefix(model)
        return self._format.conversation(messages)

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a prompt: see `Engine.count_tokens`."""
        self.prefix(model)
        tokenizer = self.checkpoint.tokenizer
        return [len(tokenizer(text, verbose=False).input_ids) for text in texts]

    def clear(self) -> None:
        """Serves nothing any more."""
        self._prefixes.clear()
