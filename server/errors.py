"""Turns exceptions into replies in OpenAI's error format, which its clients turn into theirs."""

import errno
import logging
import math
import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from robustness.errors import (
    CancelledError,
    CorruptFileError,
    EngineError,
    InputError,
    MismatchError,
    MissingIndexError,
    ModelNotFoundError,
    NotFoundError,
    RobustnessError,
    StorageError,
)
from robustness.storage import validation

RETRY_SECONDS = 5
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST = 2000
"""Most characters of a message, since messages quote what a client sent."""
_HEAD, _TAIL = 1200, 400
_SAVED = (
    "the server's observed index or calibration of this model is damaged or does not fit the "
    "model; the server's log says what its operator has to do"
)
_PATH = re.compile(r"(?<![\w.~/:])~?/(?:[^\s/,;:()'\"]+/)*([^\s/,;:()'\"]+)/?")
CLIENT_GONE = 499
"""The status, not in the HTTP standard, for a client that has disconnected; only logs show it."""


_log = logging.getLogger(__name__)


class BusyError(RobustnessError):
    """Too many requests are there, or a client has used up a limit for now; later it may work."""

    def __init__(self, message: str, *, code: str = "server_busy", seconds: float = 1.0) -> None:
        """Takes the message, the code in the reply, and the seconds after which to try again."""
        super().__init__(message)
        self.code = code
        self.seconds = max(1, math.ceil(seconds))


def shown(error: RobustnessError) -> str:
    """The message of an error for a client, without folders of the server's files.

    `document` logs the whole message for the server's operator.
    """
    match error:
        case MissingIndexError():
            return without_folders(str(error))
        case MismatchError() | CorruptFileError():
            return _SAVED
        case _:
            return str(error)


def without_folders(text: str) -> str:
    """A message with the last part of each absolute path alone, for clients."""
    return _PATH.sub(r"\1", text)


def _clipped(text: str) -> str:
    """A text cut to `_LONGEST` characters, without lone surrogates, which UTF-8 cannot encode."""
    if len(text) > _LONGEST:
        left = len(text) - _HEAD - _TAIL
        text = f"{text[:_HEAD]} [{left} characters left out] {text[-_TAIL:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def body(
    message: str, kind: str, code: str | None = None, param: str | None = None
) -> dict[str, object]:
    """The JSON document of an error in OpenAI's format."""
    return {
        "error": {
            "message": _clipped(message),
            "type": kind,
            "param": None if param is None else _clipped(param),
            "code": code,
        }
    }


def unforeseen_failure(error: Exception) -> str:
    """What a client is told of an exception that nobody expected: nothing of its text."""
    return f"the server failed ({type(error).__name__}); its log has the details"


def document(error: RobustnessError) -> tuple[int, dict[str, object]]:
    """(HTTP status, JSON document) of one of the library's errors."""
    message = shown(error)
    match error:
        case MissingIndexError() | MismatchError() | CorruptFileError():
            _log.error("%s", error)
            return 503, body(message, "server_error", "index_unavailable")
        case StorageError():
            return 503, body(message, "server_error", "storage_unavailable")
        case ModelNotFoundError():
            return 404, body(message, "invalid_request_error", "model_not_found", "model")
        case NotFoundError():
            return 404, body(message, "invalid_request_error", "not_found")
        case InputError():
            return 400, body(message, "invalid_request_error")
        case EngineError():
            return 503, body(message, "engine_error", "engine_unavailable")
        case BusyError():
            return 429, body(message, "rate_limit_error", error.code)
        case CancelledError():
            return CLIENT_GONE, body(message, "cancelled")
        case _:
            return 500, body(message, "server_error")


def reply(error: RobustnessError) -> JSONResponse:
    """The HTTP reply for one of the library's errors."""
    status, content = document(error)
    seconds = error.seconds if isinstance(error, BusyError) else RETRY_SECONDS
    passing = isinstance(error, (BusyError, EngineError, StorageError))
    return JSONResponse(content, status, {"Retry-After": str(seconds)} if passing else None)


def refusal(request: Request, error: HTTPException) -> JSONResponse:
    """The HTTP reply for an error of a status, such as 404."""
    kind = "invalid_request_error" if error.status_code < 500 else "server_error"
    message = f"{request.method} {request.url.path}: {error.detail}"
    return JSONResponse(body(message, kind), error.status_code, error.headers)


def install(app: FastAPI) -> None:
    """Makes the application answer every error in this format."""

    @app.exception_handler(RobustnessError)
    async def known(_: Request, error: RobustnessError) -> JSONResponse:
        return reply(error)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            detail = first.get("ctx", {}).get("error", first["msg"])
            return JSONResponse(body(f"body: not JSON: {detail}", "invalid_request_error"), 400)
        if first["loc"] == ("body",) and isinstance(first.get("input"), bytes):
            message = "body: send JSON with the header Content-Type: application/json"
            return JSONResponse(body(message, "invalid_request_error"), 400)
        param = validation.place(first, below=("body",))
        message = f"{param or 'body'}: {first['msg']}"
        return JSONResponse(body(message, "invalid_request_error", None, param or None), 400)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return refusal(request, error)

    @app.exception_handler(OSError)
    async def full(_: Request, error: OSError) -> JSONResponse:
        if error.errno not in DISK_FULL:
            raise error
        _log.error("%s", error)
        return reply(StorageError(f"the server cannot write: {error.strerror}"))

    # Starlette logs the traceback after this reply; the client gets none of it.
    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse(body(unforeseen_failure(error), "server_error"), 500)
