"""The page's endpoints of batch jobs: check a table, run it, and read its rows as they finish.

Does not score; see `server.jobs`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response

from robustness import paths
from robustness.storage import files
from robustness.storage.tables import NAMES
from robustness.urgency import Urgency, urgent
from server import clients, job_requests
from server.access import Access
from server.connection import in_queue, in_thread_while_connected
from server.job_files import Job
from server.jobs import Jobs
from server.limits import LIVE
from server.page import batch_evidence
from server.page.stream import ShouldStop

if TYPE_CHECKING:
    from robustness.workbench import Workbench

EXAMPLE = paths.ASSETS / "examples" / "instructions.csv"
UPLOADS = ("/page/v1/batch/check", "/page/v1/batch/jobs")
"""Paths that take a table."""
_PROMPTS = 3 * LIVE
"""About how many prompts the evidence of a wording reads: a prediction and both models' answers."""
_MOST = 2000
"""Rows that the page lists; a larger table is a download."""


def routes(jobs: Jobs, access: Access, workbench: "Workbench") -> APIRouter:
    """The endpoints of batch jobs.

    Args:
        jobs: The jobs.
        access: The queues and limits; its settings give the largest upload and the indexes.
        workbench: Reads the prompts of a job again for its evidence.
    """
    router = APIRouter(prefix="/page/v1/batch", include_in_schema=False)
    largest = access.settings.largest_upload

    too_large = f"the file is larger than {largest} bytes; split it"
    in_turn = [job_requests.in_turn(access)]

    @router.post("/check", dependencies=in_turn)
    async def check(file: UploadFile, request: Request) -> dict[str, Any]:
        """What scoring a table takes, its columns, and its rows with their errors."""

        def work(should_stop: ShouldStop) -> dict[str, Any]:
            table = job_requests.content_of(file, largest, too_large)
            return _checked(jobs, *table, should_stop)

        return await in_thread_while_connected(request, work)

    @router.post("/jobs", dependencies=in_turn)
    async def submit(file: UploadFile, request: Request) -> Job:
        """Queues a table."""
        return await job_requests.submit(jobs, access, request, file, too_large)

    @router.get("/jobs/{job_id}")
    def look(
        job_id: str, request: Request, after: Annotated[int, Query(ge=0)] = 0
    ) -> dict[str, Any]:
        """A job's state, and its finished rows from a number on."""
        owner = clients.of(request.scope).owner
        job = jobs.get(job_id, owner)
        rows = jobs.rows(job_id, owner)[after:_MOST]
        shown = {name: value for name, value in files.plain(job).items() if name != "owner"}
        return {"job": shown, "rows": files.plain(rows)}

    @router.delete("/jobs/{job_id}")
    def cancel(job_id: str, request: Request, remove: bool = False) -> Job:
        """Cancels a job that has not ended; with `?remove=true`, deletes one that has ended."""
        return job_requests.end(jobs, request, job_id, remove=remove)

    @router.get("/jobs/{job_id}/result.csv")
    def result(job_id: str, request: Request) -> FileResponse:
        """The scored table."""
        return job_requests.result(jobs, request, job_id)

    @router.get("/jobs/{job_id}/evidence.zip")
    async def evidence(job_id: str, request: Request) -> Response:
        """The evidence files of a job's wordings."""
        client = clients.of(request.scope)
        table = jobs.table_of(job_id, client.owner)
        access.spend("prompts", client, _PROMPTS * min(len(table.rows), batch_evidence.MOST))

        def work(should_stop: ShouldStop) -> bytes:
            with urgent(Urgency.LONG):
                return batch_evidence.archive(
                    workbench, table, indexes=access.settings.indexes, should_stop=should_stop
                )

        async with in_queue(access.admission.generations, request):
            made = await in_thread_while_connected(request, work)
        headers = {"Content-Disposition": f'attachment; filename="evidence-{job_id}.zip"'}
        return Response(made, media_type="application/zip", headers=headers)

    @router.get("/example.csv")
    def example() -> FileResponse:
        """A small table to try."""
        return FileResponse(EXAMPLE, media_type="text/csv", filename=Path(EXAMPLE).name)

    return router


def _checked(
    jobs: Jobs, name: str, content: bytes, should_stop: ShouldStop
) -> dict[str, Any]:
    plan = jobs.plan(name, content, should_stop)
    table = jobs.table(name, content, should_stop)
    return {
        "rows": plan.rows, "calls": plan.calls, "bad_rows": plan.bad_rows,
        "columns": [
            {
                "name": header, "meaning": column if column in NAMES else None,
                "kept": plan.renamed.get(header, header),
            }
            for header, column in zip(table.header, table.columns, strict=True)
        ],
        "listed": [
            {"instruction": _shown(row.cells, "instruction"), "task": _shown(row.cells, "task"),
             "error": plan.errors.get(row.number)}
            for row in table.rows[:_MOST]
        ],
    }


def _shown(cells: Mapping[str, Any], name: str) -> str:
    return str(cells.get(name, ""))
