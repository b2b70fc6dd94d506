"""The endpoints of batch jobs. Does not score tables; see `server.jobs`."""

from collections.abc import Callable

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import FileResponse

from robustness.errors import InputError
from server.connection import in_thread_while_connected
from server.jobs import Job, Jobs

PATH = "/robustness/v1/jobs"


def routes(jobs: Jobs, largest: int) -> APIRouter:
    """The endpoints of batch jobs.

    Args:
        jobs: The jobs.
        largest: Largest size of an upload, bytes.
    """
    router = APIRouter(prefix=PATH, tags=["jobs"])

    @router.post("", status_code=202)
    async def submit(file: UploadFile, request: Request) -> Job:
        """Uploads a CSV, JSON-lines or Parquet file of instructions."""

        def work(should_stop: Callable[[], bool]) -> Job:
            content = file.file.read(largest + 1)
            if len(content) > largest:
                raise InputError(
                    f"file: larger than {largest} bytes; split it, or raise the limit where the "
                    "server is started: --max-upload or $STEADFAST_MAX_UPLOAD (MiB)"
                )
            return jobs.submit(file.filename or "upload.csv", content, should_stop)

        return await in_thread_while_connected(request, work)

    @router.get("/{job_id}")
    def get(job_id: str) -> Job:
        """The state and progress of a job."""
        return jobs.get(job_id)

    @router.get(
        "/{job_id}/result", response_class=FileResponse,
        responses={200: {"content": {"text/csv": {}}}},
    )
    def result(job_id: str) -> FileResponse:
        """The scored table, CSV."""
        return FileResponse(
            jobs.result(job_id), media_type="text/csv", filename=f"scored-{job_id}.csv"
        )

    @router.post("/{job_id}/retry")
    def retry(job_id: str) -> Job:
        """Queues a failed or cancelled job again; rows that are done are not scored again."""
        return jobs.retry(job_id)

    @router.delete("/{job_id}")
    def cancel(job_id: str, remove: bool = False) -> Job:
        """Cancels a job that has not ended; with `?remove=true`, deletes one that has ended.

        These are two requests, so that a job that ends while it is cancelled keeps its result.
        """
        return jobs.remove(job_id) if remove else jobs.cancel(job_id)

    return router
