"""Sentence embeddings from an encoder that the user names.

Refuses to choose one: texts are compared without it unless somebody asks.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from robustness.errors import EngineError, NotFoundError
from robustness.models.load_options import PLAIN, pinned
from robustness.types import FloatArray

_BATCH = 32
_LONGEST = 512


class Encoder:
    """Mean over a text's last hidden states, of length 1."""

    def __init__(self, name: str) -> None:
        """Loads weights (safetensors only).

        Args:
            name: A folder with a transformers model, or a hub name.

        Raises:
            NotFoundError: There is none of that name.
            EngineError: It cannot be loaded.
        """
        self.name = name
        try:
            options = pinned(name, PLAIN).options()
            config = AutoConfig.from_pretrained(name, **options)
            self._tokenizer = AutoTokenizer.from_pretrained(name, **options)
            model = AutoModel.from_pretrained(
                name, use_safetensors=True, dtype=torch.float32, **options
            )
        except OSError as error:
            raise NotFoundError(f"no encoder {name!r}: {str(error).splitlines()[0]}") from error
        except (ValueError, KeyError) as error:
            raise EngineError(f"the encoder {name!r} cannot be loaded: {error}") from error
        self._model = (model.get_encoder() if config.is_encoder_decoder else model).eval()
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """(N, D) float32 embeddings of texts."""
        parts = []
        for start in range(0, len(texts), _BATCH):
            batch = self._tokenizer(
                list(texts[start : start + _BATCH]), padding=True, truncation=True,
                max_length=_LONGEST, return_tensors="pt",
            )
            ids, mask = batch["input_ids"], batch["attention_mask"]
            with torch.inference_mode():
                hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask[..., None].to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
            parts.append(torch.nn.functional.normalize(mean, dim=-1))
        return np.asarray(torch.cat(parts).numpy())
