"""The console's languages. Message ids are the English texts; a .po file per other language, compiled when we start.

`python -m server.console.messages check` fails on what is missing, fuzzy or no longer used; `update` writes the .po.
"""

import gettext
import re
import sys
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
LANGUAGES = {"zh-CN": "中文", "en": "English"}
"""By code, each in its own words. English needs no file."""

_FILES = {"zh-CN": HERE / "locale/zh_CN/LC_MESSAGES/console.po"}
_SOURCES = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"**/templates/**.html": {"silent": "false", "trimmed": "true", "newstyle_gettext": "true"}}
_KEYWORDS = {"_": None, "N_": None, "say": None, "gettext": None, "ngettext": (1, 2)}
_UNFILLED = tuple(
    f'"{name}'.encode()
    for name in ("Report-Msgid", "POT-Creation", "PO-Revision", "Last-Translator", "Language-Team", "Generated-By")
)
"""Header lines that would only say when somebody ran the tool."""

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


@cache
def translations(language: str) -> gettext.NullTranslations:
    """What turns message ids into that language."""
    file = _FILES.get(language)
    if file is None:
        return gettext.NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _read(file))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose(*wishes: str | None, accept: str = "", default: str) -> str:
    """The first wish that is a language of ours, then the browser's Accept-Language, then `default`."""
    for wish in (*wishes, *_accepted(accept), default):
        if wish and (language := _ours(wish)):
            return language
    return next(iter(LANGUAGES))


def _ours(tag: str) -> str | None:
    """`zh`, `zh-Hans-CN` and `zh-TW` all read Chinese; `en-GB` reads English."""
    primary = tag.strip().lower().split("-")[0]
    return next((language for language in LANGUAGES if language.lower().split("-")[0] == primary), None)


def _accepted(header: str) -> Iterator[str]:
    ranked: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, weight = part.partition(";q=")
        try:
            ranked.append((float(weight or 1), tag.strip()))
        except ValueError:
            continue  # a browser's mistake is no reason to fail
    for _, tag in sorted(ranked, key=lambda pair: -pair[0]):
        yield tag


def _read(file: Path) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream, abort_invalid=True)


def extracted() -> Catalog:
    """Every message id of the console's Python files and templates."""
    catalog = Catalog(project="anhu", charset="utf-8")
    found = extract_from_dir(HERE, method_map=_SOURCES, options_map=_OPTIONS, keywords=_KEYWORDS)
    for filename, _line, message, comments, context in found:
        catalog.add(message, None, [(filename, 0)], auto_comments=comments, context=context)
    return catalog


def mistakes() -> list[str]:
    """One line per message that is missing, fuzzy, unused, or whose placeholders differ."""
    wanted = extracted()
    lines: list[str] = []
    for language, file in _FILES.items():
        have = _read(file)
        for message in wanted:
            if message.id:
                lines += [f"{language}: {problem}" for problem in _problems(message, have.get(message.id))]
        lines += [f"{language}: no longer used: {m.id!r}" for m in have if m.id and m.id not in wanted]
        lines += [f"{language}: no longer used: {m.id!r}" for m in have.obsolete.values()]
    return lines


def _problems(message: Message, translated: Message | None) -> Iterator[str]:
    if translated is None or not all(_strings(translated.string)):
        yield f"not translated: {message.id!r}"
        return
    if translated.fuzzy:
        yield f"fuzzy: {message.id!r}"
    ids = set(_PLACEHOLDER.findall(" ".join(_strings(message.id))))
    for text in _strings(translated.string):
        if not set(_PLACEHOLDER.findall(text)) <= ids:
            yield f"other placeholders than {message.id!r}: {text!r}"
        if isinstance(message.id, str) and set(_PLACEHOLDER.findall(text)) != ids:
            yield f"placeholders missing of {message.id!r}: {text!r}"


def _strings(value: str | tuple[str, ...] | list[str] | None) -> list[str]:
    if value is None:
        return [""]
    return [value] if isinstance(value, str) else list(value)


def update() -> None:
    """Bring new message ids into the .po files and drop those no longer used."""
    for file in _FILES.values():
        catalog = _read(file)
        catalog.update(extracted(), no_fuzzy_matching=True)
        written = BytesIO()
        write_po(written, catalog, ignore_obsolete=True, sort_by_file=True, include_lineno=False, width=110)
        lines = written.getvalue().splitlines(keepends=True)
        file.write_bytes(b"".join(line for line in lines if not line.startswith(_UNFILLED)))


def main(arguments: list[str]) -> int:
    """`check` or `update`; 0 well, 1 mistakes found, 2 used wrongly."""
    if arguments == ["update"]:
        update()
        return 0
    if arguments != ["check"]:
        sys.stderr.write("use: python -m server.console.messages check|update\n")
        return 2
    lines = mistakes()
    for line in lines:
        sys.stderr.write(f"{line}\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
