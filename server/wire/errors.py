"""The reply to a request that fails, in OpenAI's format."""

from pydantic import BaseModel


class Error(BaseModel):
    """What was wrong."""

    message: str
    type: str
    param: str | None
    """Name of the value that is wrong, where it is one."""
    code: str | None


class ErrorReply(BaseModel):
    """The reply of every status from 400 on."""

    error: Error
