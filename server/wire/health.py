"""The replies of `/healthz` and `/readyz`."""

from typing import Literal

from pydantic import BaseModel

from robustness.models.engine import Withheld


class Alive(BaseModel):
    """The reply of `GET /healthz`."""

    status: Literal["ok"] = "ok"


class ModelState(BaseModel):
    """A served model, and whether degradation can be predicted for it."""

    id: str
    scorer: str | None = None
    """Name of the scorer of a model in this process: `packed` is the fastest for a decoder-only
    model, `encoder-decoder` for the others."""
    scorer_reason: str | None = None
    """Why this is not the fastest scorer, where it is not."""
    indexed: bool
    calibrated: bool
    reason: str | None = None
    """Why the model has no index."""


class Ready(BaseModel):
    """The reply of `GET /readyz` where the server can answer."""

    status: Literal["ready"] = "ready"
    engine: str
    reason: str
    """Why this engine was chosen."""
    models: list[ModelState]
    withheld: list[Withheld]
    """Models that were requested but that the engine cannot serve."""
    jobs: str | None = None
    """Why the batch jobs' files cannot be written, where they cannot."""


class Unready(BaseModel):
    """The reply of status 503 of `GET /readyz`."""

    status: Literal["unavailable"] = "unavailable"
    problem: str
    engine: str
    reason: str
