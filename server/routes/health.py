"""Liveness, readiness and Prometheus metrics.

Refuses to compute anything.
"""

import time
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from starlette.middleware.base import RequestResponseEndpoint

from robustness.errors import RobustnessError
from robustness.workbench import Workbench


def _state(workbench: Workbench, model: str) -> dict[str, Any]:
    try:
        calibrated = workbench.calibration(model) is not None
    except RobustnessError as error:
        return {"id": model, "indexed": False, "calibrated": False, "reason": str(error)}
    return {"id": model, "indexed": True, "calibrated": calibrated}


def routes(workbench: Workbench, reason: str) -> APIRouter:
    """Liveness and readiness.

    Args:
        workbench: What is served.
        reason: Why its engine was taken.
    """
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    def readyz() -> dict[str, Any]:
        """What answers, and why."""
        models = (workbench.original, *workbench.aligned)
        return {
            "status": "ready",
            "engine": workbench.engine.name,
            "reason": reason,
            "models": [_state(workbench, m) for m in models],
        }

    return router


def measure(app: FastAPI) -> None:
    """Counts requests and their seconds, shown at `/metrics`."""
    registry = CollectorRegistry()
    requests = Counter(
        "steadfast_requests",
        "Requests by path, method and status.",
        ["path", "method", "status"],
        registry=registry,
    )
    seconds = Histogram(
        "steadfast_request_seconds", "Seconds until the reply began.", ["path"], registry=registry
    )

    @app.middleware("http")
    async def count(request: Request, call_next: RequestResponseEndpoint) -> Response:
        started = time.perf_counter()
        response = await call_next(request)
        route = request.scope.get("route")
        path = getattr(route, "path", "other")
        requests.labels(path, request.method, response.status_code).inc()
        seconds.labels(path).observe(time.perf_counter() - started)
        return response

    @app.get("/metrics", tags=["health"])
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
