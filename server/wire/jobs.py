"""The reply that lists jobs; one job is described by `job_files.Job`."""

from pydantic import BaseModel

from server.job_files import Job


class JobList(BaseModel):
    """The reply of `GET /robustness/v1/jobs`."""

    jobs: list[Job]
