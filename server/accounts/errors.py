"""What a sign-in or a session refuses.

CentreError (server/errors.py)
├── NotSignedInError      no session, or one that has ended (the person signs in)
│   └── WrongSignInError      user name or password; never says which
└── NotAllowedError
    └── ForgedRequestError    the request did not come from our own page (reload the page)
"""

from server.errors import CentreError, NotAllowedError


class NotSignedInError(CentreError):
    """Sign in first."""


class WrongSignInError(NotSignedInError):
    """The user name or the password is not right."""


class ForgedRequestError(NotAllowedError):
    """The request carries no valid CSRF token: reload the page and try again."""
