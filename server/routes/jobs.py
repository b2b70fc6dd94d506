"""The endpoints of batch jobs. Does not score tables; see `server.jobs`."""

from fastapi import APIRouter, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse

from server import clients, job_requests
from server.access import Access
from server.job_files import Job
from server.jobs import Jobs
from server.wire.jobs import JobList

PATH = "/robustness/v1/jobs"


def routes(jobs: Jobs, access: Access) -> APIRouter:
    """The endpoints of batch jobs.

    Args:
        jobs: The jobs.
        access: The queues and limits.
    """
    largest = access.settings.largest_upload
    router = APIRouter(prefix=PATH, tags=["jobs"])

    @router.post("", status_code=202, dependencies=[job_requests.in_turn(access)])
    async def submit(file: UploadFile, request: Request) -> Job:
        """Uploads a CSV, JSON-lines or Parquet file of instructions."""
        too_large = (
            f"file: larger than {largest} bytes; split it, or raise the limit where the server is "
            "started: --max-upload or $STEADFAST_MAX_UPLOAD (MiB)"
        )
        return await job_requests.submit(jobs, access, request, file, too_large)

    @router.get("")
    def listed(request: Request) -> JobList:
        """The client's jobs, the newest first."""
        client = clients.of(request.scope)
        if not client.known:
            raise HTTPException(403, "jobs are listed for whoever has a key or uses the page")
        return JobList(jobs=jobs.listed(client.owner))

    @router.get("/{job_id}")
    def get(job_id: str, request: Request) -> Job:
        """The state and progress of a job."""
        return jobs.get(job_id, clients.of(request.scope).owner)

    @router.get(
        "/{job_id}/result", response_class=FileResponse,
        responses={200: {"content": {"text/csv": {}}}},
    )
    def result(job_id: str, request: Request) -> FileResponse:
        """The scored table, CSV."""
        return job_requests.result(jobs, request, job_id)

    @router.post("/{job_id}/retry")
    def retry(job_id: str, request: Request) -> Job:
        """Queues a failed or cancelled job again; rows that are done are not scored again."""
        return jobs.retry(job_id, clients.of(request.scope).owner)

    @router.delete("/{job_id}")
    def cancel(job_id: str, request: Request, remove: bool = False) -> Job:
        """Cancels a job that has not ended; with `?remove=true`, deletes one that has ended.

        These are two requests, so that a job that ends while it is cancelled keeps its result.
        """
        return job_requests.end(jobs, request, job_id, remove=remove)

    return router
