"""Liveness, readiness and Prometheus metrics.

Refuses to compute anything.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from robustness.errors import EngineError, RobustnessError
from robustness.models.engine import ModelInfo, Withheld
from robustness.workbench import Workbench
from server import errors, wire
from server.jobs import Jobs
from server.metrics import Metrics


def _state(workbench: Workbench, model: ModelInfo) -> wire.ModelState:
    told = wire.ModelState(
        id=model.id, scorer=model.scorer, scorer_reason=model.slower, indexed=True,
        calibrated=False,
    )
    try:
        calibrated = workbench.calibration(model.id) is not None
    except RobustnessError as error:
        return told.model_copy(update={"indexed": False, "reason": errors.shown(error)})
    return told.model_copy(update={"calibrated": calibrated})


def routes(
    workbench: Workbench, metrics: Metrics, jobs: Jobs, reason: str,
    withheld: Sequence[Withheld] = (),
) -> APIRouter:
    """Liveness, readiness and metrics.

    Args:
        workbench: What is served.
        metrics: What was counted.
        jobs: The batch jobs, whose worker must be alive.
        reason: Why its engine was taken.
        withheld: Models that were asked for and that it cannot serve.
    """
    router = APIRouter(tags=["health"])
    engine = workbench.engine

    @router.head("/healthz", response_model=None, include_in_schema=False)
    @router.get("/healthz")
    async def healthz() -> wire.Alive:
        """The process answers."""
        return wire.Alive()

    @router.head("/readyz", response_model=None, include_in_schema=False)
    @router.get(
        "/readyz", response_model=wire.Ready, response_model_exclude_none=True,
        responses={503: {"model": wire.Unready}},
    )
    def readyz() -> wire.Ready | JSONResponse:
        """What answers, and why; 503 where the engine or the jobs' worker does not."""
        try:
            jobs.check()
            # The smallest question that reaches an engine behind another server.
            engine.count_tokens(workbench.original, ["ready"])
        except EngineError as error:
            away = wire.Unready(problem=str(error), engine=engine.name, reason=reason)
            return JSONResponse(
                away.model_dump(), 503, {"Retry-After": str(errors.RETRY_SECONDS)}
            )
        served = {info.id: info for info in engine.models()}
        shown = (workbench.original, *workbench.aligned)
        models = [_state(workbench, served[model]) for model in shown]
        return wire.Ready(
            engine=engine.name, reason=reason, models=models, withheld=list(withheld),
            jobs=jobs.problem,
        )

    @router.get("/metrics", response_class=PlainTextResponse)
    async def read_metrics() -> Response:
        """Counters in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
