"""Everything that `devices` raises, and who has to act on it.

AnhuError
├── DecodeError            a message cannot be read: quarantine its bytes, go on with the next (device vendor acts)
├── EnvelopeError          a delivery message breaks the contract of docs/protocol.md (gateway vendor acts)
├── UnknownSourceError          no decoder of that name is registered (whoever typed it acts)
└── SettingsError          a configuration file or variable is wrong (whoever runs the process acts)
"""


class AnhuError(Exception):
    """Base of every error that names something a person can put right."""


class DecodeError(AnhuError):
    """The message cannot be read as what its topic promises; `field` says where, `problem` what would be right."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class EnvelopeError(AnhuError):
    """The delivery message is not an envelope of version 1; `problem` names the field and what would be right."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class UnknownSourceError(AnhuError):
    """No such source; the message lists those there are."""

    def __init__(self, source: str, known: list[str]) -> None:
        super().__init__(f"unknown source {source!r}: use one of {', '.join(known)}")


class SettingsError(AnhuError):
    """The configuration cannot be used; one line per mistake, each with the path of the key."""
