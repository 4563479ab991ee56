"""TwiML as the network understands it: the verbs our centre uses, strictly, and nothing else."""

from dataclasses import dataclass
from urllib.parse import urljoin
from xml.etree import ElementTree

BYTES_PER_SECOND = 12.0
"""How fast the voice reads: about four Chinese characters or two English words a second, in UTF-8 bytes."""


class DocumentError(Exception):
    """The centre answered with something that cannot be performed; the message says what."""


@dataclass(frozen=True, slots=True)
class Say:
    """Read out."""

    text: str
    language: str

    @property
    def seconds(self) -> float:
        """How long that takes."""
        return len(self.text.encode()) / BYTES_PER_SECOND


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """Read out and collect keys, which interrupt the reading."""

    prompts: tuple[Say | Pause, ...]
    action: str
    digits: int | None
    timeout_s: float
    finish_on: str
    posts_nothing_too: bool

    @property
    def window_s(self) -> float:
        """From the first word until the wait for a key is over."""
        return sum(prompt.seconds for prompt in self.prompts) + self.timeout_s


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another document."""

    url: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The end."""


Verb = Say | Pause | Gather | Redirect | Hangup


def parse(text: str, url: str) -> tuple[Verb, ...]:
    """The verbs of the document that came from `url`, addresses made absolute. Raises DocumentError."""
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - from the centre under test, on this machine
    except ElementTree.ParseError as error:
        raise DocumentError(f"not XML: {error}") from error
    if root.tag != "Response":
        raise DocumentError(f"<{root.tag}>: a document is a <Response>")
    return tuple(_verb(element, url) for element in root)


def _verb(element: ElementTree.Element, url: str) -> Verb:
    match element.tag:
        case "Say" | "Pause":
            return _prompt(element)
        case "Gather":
            return _gather(element, url)
        case "Redirect":
            return Redirect(urljoin(url, (element.text or "").strip()))
        case "Hangup":
            return Hangup()
        case tag:
            raise DocumentError(f"<{tag}> is not a verb of this network")


def _prompt(element: ElementTree.Element) -> Say | Pause:
    if element.tag == "Pause":
        return Pause(_number(element, "length", 1.0))
    if element.tag == "Say" and (element.text or "").strip():
        return Say((element.text or "").strip(), element.get("language", "en-US"))
    raise DocumentError(f"<{element.tag}> here: only <Say> with text, and <Pause>")


def _gather(element: ElementTree.Element, url: str) -> Gather:
    if element.get("input", "dtmf") != "dtmf":
        raise DocumentError("<Gather input>: only dtmf")
    digits = element.get("numDigits")
    return Gather(
        prompts=tuple(_prompt(child) for child in element),
        action=urljoin(url, element.get("action", url)),
        digits=int(_number(element, "numDigits", 1.0)) if digits is not None else None,
        timeout_s=_number(element, "timeout", 5.0),
        finish_on=element.get("finishOnKey", "#"),
        posts_nothing_too=element.get("actionOnEmptyResult") == "true",
    )


def _number(element: ElementTree.Element, name: str, default: float) -> float:
    text = element.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise DocumentError(f"<{element.tag} {name}>: a whole number, not {text!r}")
    return float(text)
