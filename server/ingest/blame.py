"""Whether a failed transaction is the message's fault. If in doubt it is not: a press must never be taken for poison
because a database was busy, full, read-only or away."""

import asyncpg
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

CONTENT_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What our own code or a driver raises over a value it cannot take."""


def is_about_content(error: BaseException) -> bool:
    """True: the same message would be refused again, however often it is tried."""
    if isinstance(error, (*CONTENT_ERRORS, DataError, IntegrityError)):
        return True
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        cause = getattr(error.orig, "__cause__", None)
        # data exception, integrity violation, program limit; or the driver could not encode a parameter
        return state[:2] in ("22", "23", "54") or isinstance(cause, (asyncpg.DataError, *CONTENT_ERRORS))
    return isinstance(error, StatementError)
