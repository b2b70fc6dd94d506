"""Computes sentence embeddings with a model that the user chooses, by sentence-transformers.

That library reads from the model's files how token embeddings are pooled: their mean, the first or
the last one. It is optional, and imported when an encoder is loaded.
"""

import importlib
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch

from robustness.errors import EngineError, InputError, NotFoundError
from robustness.types import FloatArray


def _library() -> ModuleType:
    try:
        return importlib.import_module("sentence_transformers")
    except ModuleNotFoundError as error:
        if error.name != "sentence_transformers":
            raise
        raise InputError(
            "--encoder needs sentence-transformers, which is not installed; install it with: "
            "pip install -r requirements-encoder.txt, or pip install 'steadfast-nlp[encoder]'"
        ) from None


class Encoder:
    """A sentence encoder: texts -> embeddings of length 1."""

    def __init__(self, name: str) -> None:
        """Loads the model on the CPU (safetensors only).

        Args:
            name: Folder of a sentence-transformers or transformers model, or its name on the hub.
                A model whose files do not say how to pool has sentence-transformers' default.

        Raises:
            InputError: sentence-transformers is not installed.
            NotFoundError: There is no model of that name.
            EngineError: The model cannot be loaded.
        """
        library = _library()
        self.name = name
        try:
            self._model = library.SentenceTransformer(
                name, device="cpu", trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
        except OSError as error:
            raise NotFoundError(f"no encoder {name!r}: {str(error).splitlines()[0]}") from error
        except (ValueError, KeyError) as error:
            raise EngineError(f"the encoder {name!r} cannot be loaded: {error}") from error
        tokenizer = self._model.tokenizer
        if getattr(tokenizer, "pad_token", "") is None:
            tokenizer.pad_token = tokenizer.eos_token

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """(N, D) float32 embeddings of texts."""
        made = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(made, dtype=np.float32)
