"""Errors that a caller can act on; `http/problems.py` turns each into problem+json, the CLI into one line.

MnemeError
├── InvalidInputError      422  with JSON pointers
├── NotFoundError          404  also for what belongs to somebody else
├── ConflictError          409
├── PreconditionFailedError 412
├── PreconditionRequiredError 428
├── UnauthenticatedError   401
├── ForbiddenError         403
├── PayloadTooLargeError   413
├── RateLimitedError       429  with retry_after
├── UnavailableError       503  with retry_after
└── LeaseLostError         (never leaves a worker)
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field: `pointer` is a JSON pointer into the body (`/events/0/content`), or `query:name`,
    `path:name`, `header:name` for the other parts of a request.
    """

    pointer: str
    detail: str
    code: str = "invalid"


class MnemeError(Exception):
    """Base of all expected errors."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = (), retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after


class InvalidInputError(MnemeError):
    status, code, title = 422, "invalid_input", "Invalid input"


class NotFoundError(MnemeError):
    status, code, title = 404, "not_found", "Not found"


class ConflictError(MnemeError):
    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailedError(MnemeError):
    status, code, title = 412, "precondition_failed", "Precondition failed"


class PreconditionRequiredError(MnemeError):
    status, code, title = 428, "precondition_required", "Precondition required"


class UnauthenticatedError(MnemeError):
    status, code, title = 401, "unauthenticated", "Unauthenticated"


class ForbiddenError(MnemeError):
    status, code, title = 403, "forbidden", "Forbidden"


class PayloadTooLargeError(MnemeError):
    status, code, title = 413, "payload_too_large", "Payload too large"


class RateLimitedError(MnemeError):
    status, code, title = 429, "rate_limited", "Too many requests"


class UnavailableError(MnemeError):
    status, code, title = 503, "unavailable", "Service unavailable"


class LeaseLostError(MnemeError):
    """Another worker holds the unit of work now; the transaction must roll back."""

    code = "lease_lost"
