"""What goes wrong between services."""

import json
import traceback

from fastapi import FastAPI, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import ValidationError

#: The HTTP status that a megaservice answers with, by the core's error code.
_STATUS = {
    "invalid_argument": 400,
    "resource_exhausted": 429,
    "deadline_exceeded": 504,
    "cancelled": 499,
    "unavailable": 503,
    "failed_precondition": 500,
    "not_found": 500,
}


class StepError(HTTPException):
    """A step that did not answer, or not well. FastAPI answers the client with `status_code` and `detail`.

    `step` is the step's name, `upstream_status` what its server answered with (None: no answer came), `excerpt` the
    beginning of what it said, which is for the log: it is not told to the client.
    """

    def __init__(self, step: str, detail: str, status_code: int, upstream_status: int | None = None, excerpt: str = ""):
        super().__init__(status_code=status_code, detail=detail)
        self.step = step
        self.upstream_status = upstream_status
        self.excerpt = excerpt

    def __str__(self) -> str:
        return self.detail


def refused(step: str, status: int, excerpt: str = "") -> StepError:
    """The error of a step whose server answered with a status that is no success."""
    if status in (400, 413, 422):
        ours = 400
    elif status == 429:
        ours = 429
    elif status in (408, 504):
        ours = 504
    elif status == 503:
        ours = 503
    else:
        ours = 502
    return StepError(step, f"step '{step}' answered with status {status}", ours, status, excerpt)


def unreadable(step: str, status: int, why: str, excerpt: str = "") -> StepError:
    """The error of a step whose answer is not what it should be."""
    return StepError(step, f"step '{step}' answered with status {status}, but {why}", 502, status, excerpt)


def failed(step: str, code: str, message: str, excerpt: str = "") -> StepError:
    """The error of a step that gave no answer."""
    return StepError(step, f"step '{step}': {message}", _STATUS.get(code, 500), None, excerpt)


class ClientLeft(HTTPException):
    """Nobody waits for the answer any more: the run was called off."""

    def __init__(self) -> None:
        super().__init__(status_code=499, detail="the client left")


class MessageError(HTTPException, ValueError):
    """A conversation that cannot be read."""

    def __init__(self, why: str):
        super().__init__(status_code=400, detail=why)

    def __str__(self) -> str:
        return self.detail


def tell_clients_their_mistakes(app: FastAPI, request_type: type) -> None:
    """Handlers that read the body themselves, as megaservices do, answer 400 and 422 like those that do not.

    A body that is no JSON is 400; one that is no `request_type` is 422, with the places. The same errors from elsewhere in
    a handler stay what they are: faults of the service, 500.
    """

    @app.exception_handler(json.JSONDecodeError)
    async def not_json(request: Request, error: json.JSONDecodeError) -> JSONResponse:
        frames = traceback.extract_tb(error.__traceback__)
        if not any(frame.filename.endswith("starlette/requests.py") for frame in frames):
            raise error
        return JSONResponse({"detail": f"the body is no JSON: {error}"}, status_code=400)

    @app.exception_handler(ValidationError)
    async def not_a_request(request: Request, error: ValidationError) -> JSONResponse:
        if error.title != request_type.__name__:
            raise error
        places = error.errors(include_url=False, include_context=False, include_input=False)
        return JSONResponse({"detail": jsonable_encoder(places)}, status_code=422)
