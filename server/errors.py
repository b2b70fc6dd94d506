"""Errors -> replies in OpenAI's error format, so that its clients raise their own exceptions.

Refuses to know which handler failed.
"""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from robustness.errors import EngineError, InputError, NotFoundError, RobustnessError

RETRY_SECONDS = 5


def body(
    message: str, kind: str, code: str | None = None, param: str | None = None
) -> dict[str, object]:
    """OpenAI's error document."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def reply(error: RobustnessError) -> JSONResponse:
    """The reply for one of the library's errors."""
    if isinstance(error, NotFoundError):
        code = "model_not_found" if str(error).startswith("no model") else "not_found"
        return JSONResponse(body(str(error), "invalid_request_error", code), 404)
    if isinstance(error, InputError):
        return JSONResponse(body(str(error), "invalid_request_error"), 400)
    if isinstance(error, EngineError):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return JSONResponse(body(str(error), "engine_error"), 503, headers)
    return JSONResponse(body(str(error), "server_error"), 500)


def install(app: FastAPI) -> None:
    """Makes every error leave in that format."""

    @app.exception_handler(RobustnessError)
    async def known(_: Request, error: RobustnessError) -> JSONResponse:
        return reply(error)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"] if part != "body")
        message = f"{param or 'body'}: {first['msg']}"
        return JSONResponse(body(message, "invalid_request_error", param=param or None), 400)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        kind = "invalid_request_error" if error.status_code < 500 else "server_error"
        return JSONResponse(body(str(error.detail), kind), error.status_code, error.headers)
