"""What the API and the page do alike with a request about a batch job.

Does not score tables; see `server.jobs`.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from fastapi import Depends, Request, UploadFile
from fastapi.responses import FileResponse

from robustness.errors import InputError
from server import clients
from server.access import Access
from server.connection import in_queue, in_thread_while_connected
from server.job_files import Job
from server.jobs import Jobs


def in_turn(access: Access) -> Any:
    """The dependency of a handler that takes a table: uploads are read one after another."""

    async def dependency(request: Request) -> AsyncIterator[None]:
        async with in_queue(access.admission.uploads, request):
            yield

    return Depends(dependency)


def content_of(file: UploadFile, largest: int, too_large: str) -> tuple[str, bytes]:
    """Name and bytes of an upload.

    Args:
        file: The upload.
        largest: Most bytes that are accepted.
        too_large: What is said of a larger one.

    Raises:
        InputError: The upload is larger.
    """
    content = file.file.read(largest + 1)
    if len(content) > largest:
        raise InputError(too_large)
    return file.filename or "upload.csv", content


async def submit(
    jobs: Jobs, access: Access, request: Request, file: UploadFile, too_large: str
) -> Job:
    """Queues an upload as a job of the client that sends it.

    Raises: As `content_of` and `Jobs.submit`.
    """
    client = clients.of(request.scope)

    def work(should_stop: Callable[[], bool]) -> Job:
        return jobs.submit(
            *content_of(file, access.settings.largest_upload, too_large), should_stop,
            owner=client.owner, charge=partial(access.charge, client),
        )

    return await in_thread_while_connected(request, work)


def end(jobs: Jobs, request: Request, job_id: str, *, remove: bool) -> Job:
    """Cancels a client's job that has not ended, or removes one that has.

    Raises: As `Jobs.cancel` and `Jobs.remove`.
    """
    owner = clients.of(request.scope).owner
    return jobs.remove(job_id, owner) if remove else jobs.cancel(job_id, owner)


def result(jobs: Jobs, request: Request, job_id: str) -> FileResponse:
    """The scored table of a client's job.

    Raises: As `Jobs.result`.
    """
    path = jobs.result(job_id, clients.of(request.scope).owner)
    return FileResponse(path, media_type="text/csv", filename=f"scored-{job_id}.csv")
