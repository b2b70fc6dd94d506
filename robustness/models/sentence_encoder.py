"""Computes sentence embeddings with a model that the user chooses, by sentence-transformers.

That library reads from the model's files how token embeddings are pooled: their mean, the first or
the last one. It is optional, and imported when an encoder is loaded.
"""

import contextlib
import functools
import importlib
import importlib.util
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

import numpy as np

from robustness import paths
from robustness.errors import (
    CorruptFileError,
    EngineError,
    InputError,
    MismatchError,
    NotFoundError,
)
from robustness.types import FloatArray

Embed = Callable[[Sequence[str]], FloatArray]
"""Texts -> (N, D) sentence embeddings, such as an `Encoder`."""
_REMEMBERED = 4096
"""Number of texts whose embeddings are kept; the least recently used go first."""
_logger = logging.getLogger(__name__)


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

    def __init__(self, name: str, *, layers: int | None = None, offline: bool = False) -> None:
        """Loads the model on the CPU (safetensors only).

        Args:
            name: Folder of a sentence-transformers or transformers model, or its name on the hub,
                or that of the packaged model, if `backbone fetch` has made it. A model whose files
                do not say how to pool has sentence-transformers' default, the mean.
            layers: Number of the first layers that are used; None: all.
            offline: Whether a name on the hub must be on this machine already.

        Raises:
            InputError: sentence-transformers is not installed.
            NotFoundError: There is no model of that name.
            CorruptFileError, MismatchError: See `packaged.read`.
            EngineError: The model cannot be loaded.
        """
        # First, since the library takes seconds to import.
        place = _place(name)
        library = _library()
        self.name = name
        self.layers = layers
        self._known: OrderedDict[str, FloatArray] = OrderedDict()
        self._lock = threading.Lock()
        try:
            with contextlib.nullcontext() if layers is None else _unreported():
                self._model = library.SentenceTransformer(
                    place, device="cpu", trust_remote_code=False, local_files_only=offline,
                    model_kwargs={"use_safetensors": True, "dtype": "float32"},
                    config_kwargs={} if layers is None else {"num_hidden_layers": layers},
                )
        except OSError as error:
            raise NotFoundError(f"no encoder {name!r}: {str(error).splitlines()[0]}") from error
        except (ValueError, KeyError) as error:
            raise EngineError(f"the encoder {name!r} cannot be loaded: {error}") from error
        importlib.import_module("robustness.models.shared_weights").share(self._model)
        tokenizer = self._model.tokenizer
        if getattr(tokenizer, "pad_token", "") is None:
            tokenizer.pad_token = tokenizer.eos_token

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """(N, D) float32 embeddings of texts; those of the last texts are remembered."""
        with self._lock:
            new = [t for t in dict.fromkeys(texts) if t not in self._known]
            if new:
                # Some tokenizers make no token of an empty text, so that there is no mean.
                made = self._model.encode(
                    [t or " " for t in new], normalize_embeddings=True, show_progress_bar=False
                )
                self._known |= zip(new, np.asarray(made, dtype=np.float32), strict=True)
            found = np.stack([self._known[t] for t in texts])
            for text in texts:
                self._known.move_to_end(text)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


@contextlib.contextmanager
def _unreported() -> Iterator[None]:
    """Without transformers' report of the layers that a file has and the model has not."""
    shown = importlib.import_module("transformers.utils.logging")
    before = shown.get_verbosity()
    shown.set_verbosity_error()
    try:
        yield
    finally:
        shown.set_verbosity(before)


def _place(name: str) -> str:
    """The folder of the packaged model for its name; else the name."""
    if name != paths.PACKAGED_ID:
        return name
    # As the library, only where it is needed: it imports torch.
    packaged = importlib.import_module("robustness.models.packaged")
    return str(packaged.read(packaged.cache_folder() / name))


@functools.cache
def installed(name: str, layers: int | None = None) -> Encoder | None:
    """An encoder that this machine has; it is loaded once, and nothing is downloaded.

    Returns:
        None where sentence-transformers or the encoder is not installed here.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        return None
    try:
        return Encoder(name, layers=layers, offline=True)
    except NotFoundError:
        return None
    except (EngineError, CorruptFileError, MismatchError) as error:
        _logger.warning("%s", error)
        return None

