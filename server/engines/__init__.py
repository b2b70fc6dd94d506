"""Chooses the engine: the one site that knows which there are.

Refuses to know what is asked of it.
"""

from dataclasses import dataclass
from pathlib import Path

from robustness import checkpoint
from robustness.client import RemoteEngine
from robustness.engine import Engine
from robustness.transformers_engine import TransformersEngine
from server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An engine and why it was taken."""

    engine: Engine
    reason: str


def build_engine(settings: Settings) -> Built:
    """The engine that the settings ask for.

    Raises:
        NotFoundError, CorruptFileError, MismatchError, InputError: See `TransformersEngine`.
        EngineError: The other server does not answer.
    """
    if settings.backend:
        return Built(
            engine=RemoteEngine(settings.backend), reason=f"--backend {settings.backend}"
        )
    shipped = checkpoint.shipped_prefixes(settings.model)
    chosen = {Path(p).name: shipped.get(p, Path(p)) for p in settings.prefixes} or shipped
    reason = "asked for" if settings.engine == "transformers" else "the engine of this version"
    engine = TransformersEngine(
        settings.model, prefixes=chosen, prompt_format=settings.prompt_format
    )
    return Built(engine=engine, reason=reason)
