"""The centre's configuration: a TOML file, overridden by ANHU_SERVER_… variables. Unknown keys are refused."""

import os
import ssl
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, field_validator, model_validator

from devices.errors import SettingsError
from devices.settings import Section, parse_settings
from server.errors import StartError

PREFIX = "ANHU_SERVER_"


def _secret(key: str, value: SecretStr | None, file: Path | None) -> str | None:
    """From wherever it was given; `key` names the file in a StartError."""
    if value is not None or file is None:
        return value.get_secret_value() if value is not None else None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{key}: {file}: {_reason(error)}") from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return getattr(error, "strerror", None) or str(error)


class DatabaseSettings(Section):
    """Where the rows are."""

    url: str = "sqlite+aiosqlite:///anhu.db"


class BrokerSettings(Section):
    """The centre's MQTT broker."""

    url: Annotated[str, Field(pattern=r"^mqtts?://(\[[0-9a-fA-F:.]+\]|[^/:@\[\]]+)(:\d{1,5})?/?$")] = (
        "mqtt://127.0.0.1:1883"
    )
    username: str = "anhu-server"
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  # for mqtts: where the broker's certificate is not signed by a public authority

    @model_validator(mode="after")
    def _ca_is_for_tls(self) -> Self:
        if self.ca_file is not None and not self.url.startswith("mqtts:"):
            raise ValueError("ca_file needs an address that begins with mqtts://")
        return self

    def secret(self) -> str | None:
        """The password, from wherever it was given. Raises StartError."""
        return _secret("broker.password_file", self.password, self.password_file)

    def tls_context(self) -> ssl.SSLContext | None:
        """None for plain MQTT. Raises StartError."""
        if not self.url.startswith("mqtts:"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise StartError(f"broker.ca_file: {self.ca_file}: {_reason(error)}") from error


class WebSettings(Section):
    """The console and the API."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] = "http://127.0.0.1:8080"
    session_idle_s: Annotated[int, Field(gt=0)] = 12 * 3600  # one shift
    session_max_s: Annotated[int, Field(gt=0)] = 24 * 3600


class SiteSettings(Section):
    """Where the people are."""

    zone: str = "Asia/Shanghai"
    language: Literal["zh-CN", "en"] = "zh-CN"

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone, for example Asia/Shanghai")
        return value


class VoiceSettings(Section):
    """The telephone provider. Real numbers are dialled only when a person configures real credentials here."""

    api_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] = "https://api.twilio.com"
    account_sid: str
    auth_token: SecretStr | None = None
    auth_token_file: Path | None = None
    from_number: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]
    callback_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] | None = None  # as the provider sees us
    timeout_s: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.auth_token is None) == (self.auth_token_file is None):
            raise ValueError("give either auth_token or auth_token_file")
        return self

    def token(self) -> str:
        """The provider's auth token, from wherever it was given. Raises StartError."""
        token = _secret("voice.auth_token_file", self.auth_token, self.auth_token_file)
        assert token is not None
        return token


class SupervisionSettings(Section):
    """When silence becomes visible."""

    gateway_silent_s: Annotated[float, Field(gt=0)] = 180.0  # EN 50136 grade-4 practice, primary path


class EscalationSettings(Section):
    """The worker. `lease_s` must exceed every network time-out made under it."""

    poll_s: Annotated[float, Field(gt=0)] = 1.0
    lease_s: Annotated[float, Field(gt=0)] = 30.0
    ring_s: Annotated[float, Field(gt=0)] = 30.0  # the provider lets it ring this long
    call_poll_s: Annotated[float, Field(gt=0)] = 15.0  # a call without callbacks is asked for this often
    accepted_duty_s: Annotated[float, Field(gt=0)] = 600.0  # "on the way" must follow an acceptance


class RuleSettings(Section):
    """Rules beside the shipped ones."""

    file: Path | None = None


class Settings(Section):
    """All of it."""

    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    web: WebSettings = WebSettings()
    site: SiteSettings = SiteSettings()
    voice: VoiceSettings | None = None
    supervision: SupervisionSettings = SupervisionSettings()
    escalation: EscalationSettings = EscalationSettings()
    rules: RuleSettings = RuleSettings()

    @model_validator(mode="after")
    def _lease_exceeds_time_out(self) -> Self:
        if self.voice and self.voice.timeout_s >= self.escalation.lease_s:
            raise ValueError("voice.timeout_s must be below escalation.lease_s, or a slow call is made twice")
        return self


def load_settings(file: Path | None) -> Settings:
    """Settings from `file` (or none) and the environment. Raises SettingsError."""
    try:
        text = file.read_text() if file else ""
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    return parse_settings(Settings, text, os.environ, PREFIX)
