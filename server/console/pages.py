"""Renders the console's pages in the reader's language and theme. Everything is escaped; nothing is inline script."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from server.accounts.sessions import SignedIn
from server.alarms.service import MAY_ACT
from server.centre import Centre
from server.console import chain, words
from server.console.messages import LANGUAGES, choose, translations
from server.console.wording import Wording

LANGUAGE_COOKIE = "anhu_language"
THEME_COOKIE = "anhu_theme"
THEMES = {"auto": words.N_("As the system"), "dark": words.N_("Dark"), "light": words.N_("Light")}

HTMX_CONFIG = Markup(
    '{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,"historyCacheSize":0,'
    '"scrollIntoViewOnBoost":false,"attributesToSettle":["class"],"timeout":10000,"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},'
    '{"code":"40[349]|422","swap":true},{"code":"[45]..","swap":false,"error":true}]}'
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks, at what, in which language, when."""

    request: Request
    centre: Centre
    found: SignedIn | None
    wording: Wording
    now: datetime

    @classmethod
    def of(cls, request: Request, centre: Centre, found: SignedIn | None) -> "Visit":
        """The account's language, then the browser's cookie, then its wishes, then the site's."""
        language = choose(
            found.actor.language if found else None,
            request.cookies.get(LANGUAGE_COOKIE),
            accept=request.headers.get("accept-language", ""),
            default=centre.settings.site.language,
        )
        return cls(request, centre, found, Wording(language, centre.settings.site.zone), centre.clock.now())

    @property
    def may_act(self) -> bool:
        """Whether the account may take, note and close."""
        return self.found is not None and self.found.actor.role in MAY_ACT


def page(visit: Visit, template: str, /, status: int = 200, **values: object) -> HTMLResponse:
    """The template as an answer."""
    theme = visit.request.cookies.get(THEME_COOKIE, "auto")
    found = visit.found
    text = (
        _environment(visit.wording.language)
        .get_template(template)
        .render(
            visit=visit,
            w=visit.wording,
            words=words,
            now=visit.now,
            language=visit.wording.language,
            languages=LANGUAGES,
            theme=theme if theme in THEMES else "auto",
            themes=THEMES,
            static=visit.request.app.state.console_static,
            htmx_config=HTMX_CONFIG,
            actor=found.actor if found else None,
            csrf_token=found.csrf_token if found else "",
            may_act=visit.may_act,
            here=visit.request.url.path,
            problems=chain.problems(visit.centre, visit.now),
            **values,
        )
    )
    return HTMLResponse(text, status)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    told = translations(language)
    environment.install_gettext_callables(told.gettext, told.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment
