"""Puts the centre together: the web application, and the parts that run beside it."""

from fastapi import FastAPI

from server import health
from server.accounts import routes as accounts
from server.alarms import routes as alarms
from server.centre import Centre
from server.clock import SystemClock
from server.config import Settings
from server.console import live
from server.console import routes as console
from server.db import Database
from server.escalation.calls import EscalationCalls
from server.notify import callbacks
from server.notify.channel import Channel
from server.notify.no_voice import NoVoice
from server.notify.signature import Callbacks
from server.notify.voice_twilio import TwilioVoice
from server.rules.engine import load_rules
from server.wakeup import Wakeup
from server.web import tell_problems


def callbacks_of(settings: Settings) -> Callbacks | None:
    """The addresses the telephone provider calls back; None without a telephone."""
    voice = settings.voice
    return Callbacks(voice.callback_url or settings.web.public_url, voice.token()) if voice else None


def telephone(settings: Settings) -> Channel:
    """The configured provider, or nothing that calls."""
    voice, hooks = settings.voice, callbacks_of(settings)
    if voice is None or hooks is None:
        return NoVoice()
    return TwilioVoice(
        account_sid=voice.account_sid,
        auth_token=voice.token(),
        from_number=voice.from_number,
        callbacks=hooks,
        api_url=voice.api_url,
        timeout_s=voice.timeout_s,
    )


def create_centre(settings: Settings) -> Centre:
    """The centre on the machine's own clock. Raises SettingsError, StartError."""
    db, wakeup = Database(settings.database.url), Wakeup()
    db.on_change = wakeup.ring
    return Centre(
        settings=settings,
        db=db,
        clock=SystemClock(),
        wakeup=wakeup,
        rules=load_rules(settings.rules.file),
        voice=telephone(settings),
    )


def create_app(centre: Centre) -> FastAPI:
    """Console, API, provider callbacks, health. `/docs` is not served: it would need a network at run time."""
    app = FastAPI(
        title="Anhu 安呼",
        version="1",
        summary="The open system behind the one-touch emergency call",
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},  # traces could carry names and numbers
    )
    app.state.centre = centre
    app.state.calls = EscalationCalls(centre)
    app.state.callbacks = callbacks_of(centre.settings)
    tell_problems(app)
    accounts.tell_sign_in_problems(app)
    for router in (health.router, accounts.router, alarms.router, live.router, callbacks.router):
        app.include_router(router)
    console.mount(app)
    return app
