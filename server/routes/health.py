"""Liveness, readiness and Prometheus metrics.

Refuses to compute anything.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from robustness.errors import EngineError, RobustnessError
from robustness.models.engine import Withheld
from robustness.storage import files
from robustness.workbench import Workbench
from server import errors
from server.metrics import Metrics


def _state(workbench: Workbench, model: str) -> dict[str, Any]:
    try:
        calibrated = workbench.calibration(model) is not None
    except RobustnessError as error:
        return {"id": model, "indexed": False, "calibrated": False, "reason": str(error)}
    return {"id": model, "indexed": True, "calibrated": calibrated}


def routes(
    workbench: Workbench, metrics: Metrics, reason: str, withheld: Sequence[Withheld] = ()
) -> APIRouter:
    """Liveness, readiness and metrics.

    Args:
        workbench: What is served.
        metrics: What was counted.
        reason: Why its engine was taken.
        withheld: Models that were asked for and that it cannot serve.
    """
    router = APIRouter(tags=["health"])
    engine = workbench.engine

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        """What answers, and why; 503 where the engine does not."""
        about = {"engine": engine.name, "reason": reason}
        try:
            # The smallest question that reaches an engine behind another server.
            engine.count_tokens(workbench.original, ["ready"])
        except EngineError as error:
            return JSONResponse(
                {"status": "unavailable", "problem": str(error)} | about,
                status_code=503,
                headers={"Retry-After": str(errors.RETRY_SECONDS)},
            )
        models = [_state(workbench, m) for m in (workbench.original, *workbench.aligned)]
        left = files.plain(withheld)
        return JSONResponse({"status": "ready"} | about | {"models": models, "withheld": left})

    @router.get("/metrics")
    async def read_metrics() -> Response:
        """Counters in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
