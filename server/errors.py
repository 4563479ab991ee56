"""Everything the centre refuses, and who has to act on it.

AnhuError (devices/errors.py)
└── CentreError
    ├── NotFoundError         no such thing in your region (caller acts)
    ├── InvalidError          a field of the request is wrong; names it (caller acts)
    ├── ConflictError         somebody was first; look again
    │   ├── AlreadyTakenError     another operator has the alarm; says who
    │   └── AlarmClosedError      the alarm is closed
    ├── NotAllowedError       the account's role or region does not permit it (supervisor acts)
    │   └── NoViewError           the role has no view of the board at all
    ├── ImportFileError       a community document is wrong; a line per mistake (engineer acts)
    └── StartError            the process cannot start: port, database, broker (whoever runs it acts)
"""

from devices.errors import AnhuError


class CentreError(AnhuError):
    """Base of what the centre refuses."""


class NotFoundError(CentreError):
    """There is no such thing in your region."""


class InvalidError(CentreError):
    """A field is wrong; `problem` says what would be right."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class ConflictError(CentreError):
    """Somebody was first: fetch again and look."""


class AlreadyTakenError(ConflictError):
    """Another operator has the alarm."""

    def __init__(self, taken_by: str) -> None:
        super().__init__(f"already taken by {taken_by}")
        self.taken_by = taken_by


class AlarmClosedError(ConflictError):
    """The alarm is closed."""


class NotAllowedError(CentreError):
    """Your role does not permit it."""


class NoViewError(NotAllowedError):
    """Your role has no view of the board."""


class ImportFileError(CentreError):
    """The community document cannot be imported; nothing of it was."""


class StartError(CentreError):
    """The process cannot start."""
