"""The page's endpoints on the tiny model."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server import errors
from server.access import Access
from server.engines import Built
from server.jobs import Jobs
from server.opening import Opened, Opening
from server.page import api, batch_api
from server.settings import Settings


@pytest.fixture(scope="session")
def page_jobs(
    aligned_engine: TransformersEngine, indexes: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jobs]:
    workbench = Workbench(aligned_engine, indexes=indexes)
    made = Jobs(workbench, tmp_path_factory.mktemp("page-jobs"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def page_http(
    aligned_engine: TransformersEngine, indexes: Path, page_jobs: Jobs, serve
) -> Iterator[httpx.Client]:
    """A client of the page's endpoints; the model is loaded."""
    workbench = Workbench(aligned_engine, indexes=indexes)
    built = Built(engine=aligned_engine, reason="a test")
    app = FastAPI()
    opening = Opening(
        lambda _: Opened(built=built, workbench=workbench, jobs=page_jobs, api=app), ()
    )
    opening._run()
    errors.install(app)
    access = Access(
        Settings(indexes=indexes, public_url="https://x.y", largest_upload=150_000)
    )
    app.include_router(api.routes(opening, access, None))
    app.include_router(batch_api.routes(page_jobs, access, workbench))
    with serve(app) as address, httpx.Client(base_url=address, trust_env=False) as client:
        client.timeout = httpx.Timeout(60)
        yield client
