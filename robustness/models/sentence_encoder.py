"""Sentence embeddings from a model that the user names, by sentence-transformers.

That library knows from a model's own files whether its embedding is the mean over the tokens, the
first token or the last one, and what follows. It is an extra: nothing imports it until an encoder
is named.
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
    """Texts -> embeddings of length 1, pooled as the model's authors meant."""

    def __init__(self, name: str) -> None:
        """Loads the model on the CPU (safetensors only).

        Args:
            name: A folder with a sentence-transformers or transformers model, or a hub name. A
                model that says nothing of pooling is pooled as sentence-transformers does then.

        Raises:
            InputError: sentence-transformers is not installed.
            NotFoundError: There is no model of that name.
            EngineError: It cannot be loaded.
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
