"""The endpoints for liveness, readiness and Prometheus metrics."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from robustness.errors import EngineError, RobustnessError
from robustness.models.engine import ModelInfo, Withheld
from robustness.workbench import Workbench
from server import errors
from server.jobs import Jobs
from server.metrics import Metrics
from server.wire import health as wire


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
    """The endpoints `/healthz`, `/readyz` and `/metrics`.

    Args:
        workbench: The served models with their indexes.
        metrics: The counters.
        jobs: The batch jobs, whose worker must run.
        reason: Why this engine was chosen.
        withheld: Models that were requested but that the engine cannot serve.
    """
    router = APIRouter(tags=["health"])
    engine = workbench.engine

    @router.head("/healthz", response_model=None, include_in_schema=False)
    @router.get("/healthz")
    async def healthz() -> wire.Alive:
        """Whether the server process runs: always 200."""
        return wire.Alive()

    @router.head("/readyz", response_model=None, include_in_schema=False)
    @router.get(
        "/readyz", response_model=wire.Ready, response_model_exclude_none=True,
        responses={503: {"model": wire.Unready}},
    )
    def readyz() -> wire.Ready | JSONResponse:
        """The engine and its models; 503 if the engine or the jobs' worker does not answer."""
        try:
            jobs.check()
            # The cheapest call that also reaches an engine behind another server.
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
            engine=engine.name, reason=reason, models=models,
            withheld=[replace(w, reason=errors.without_folders(w.reason)) for w in withheld],
            jobs=jobs.problem,
        )

    @router.get(
        "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}
    )
    async def read_metrics() -> Response:
        """Counters in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
