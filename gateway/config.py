"""The gateway's configuration: a TOML file, overridden by ANHU_GATEWAY_… variables. Unknown keys are refused."""

import os
import ssl
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from devices.errors import SettingsError, UnknownSourceError
from devices.registry import decoder
from devices.settings import Section, parse_settings

PREFIX = "ANHU_GATEWAY_"

_Url = Annotated[str, Field(pattern=r"^mqtts?://(\[[0-9a-fA-F:.]+\]|[^/:@\[\]]+)(:\d{1,5})?/?$")]
_Seconds = Annotated[float, Field(gt=0)]


class BrokerSettings(Section):
    """How to reach a broker."""

    url: _Url
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  # for mqtts: where the broker's certificate is not signed by a public authority

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give either password or password_file")
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file needs an address that begins with mqtts://")
        return self

    @property
    def tls(self) -> bool:
        return self.url.startswith("mqtts:")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (8883 if self.tls else 1883)

    def secret(self) -> str | None:
        """The password, from wherever it was given."""
        if self.password is not None:
            return self.password.get_secret_value()
        return self.password_file.read_text().strip() if self.password_file is not None else None

    def tls_context(self) -> ssl.SSLContext | None:
        """None for plain MQTT."""
        return ssl.create_default_context(cafile=self.ca_file) if self.tls else None


class LocalSettings(BrokerSettings):
    """The broker in the home."""

    url: _Url = "mqtt://127.0.0.1:1884"


class CentreSettings(BrokerSettings):
    """The centre's broker. The user name is the gateway's id, the password its key."""

    url: _Url
    username: None = None
    resend_s: _Seconds = 5.0  # base of the resend back-off; a pending p0 never waits longer than 5 s whatever this says
    reconnect_max_s: _Seconds = 60.0
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 30


class StoreSettings(Section):
    """Where the outbox is."""

    path: Path = Path("gateway.db")
    reserve_mb: Annotated[float, Field(ge=0)] = 16.0  # telemetry is refused when the disk has less than this left
    telemetry_rows: Annotated[int, Field(gt=0)] = 100_000  # beyond these the oldest telemetry goes, with a gap record


class Settings(Section):
    """All of it."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    language: Literal["zh-CN", "en"] = "zh-CN"
    heartbeat_s: _Seconds = 60.0
    store: StoreSettings = StoreSettings()
    local: LocalSettings = LocalSettings()
    centre: CentreSettings
    sources: dict[str, bool | str | list[str]] = {"native": True}

    @field_validator("sources")
    @classmethod
    def _known(cls, value: dict[str, bool | str | list[str]]) -> dict[str, bool | str | list[str]]:
        for name in value:
            try:
                decoder(name)
            except UnknownSourceError as error:
                raise ValueError(str(error)) from error
        bases = sorted(base for name in value for base in _bases(name, value[name]))
        if not bases:
            raise ValueError("no source is on: nothing in the home would be heard")
        for base in bases:
            if not base.strip("/") or set(base) & set("+#\0") or base.startswith("$"):
                raise ValueError(f"{base!r} is not a base topic, for example zigbee2mqtt")
        for index, outer in enumerate(bases):
            for inner in bases[index + 1 :]:
                if inner == outer or inner.startswith(f"{outer}/"):
                    # The broker would deliver one press twice.
                    raise ValueError(f"base topics {outer!r} and {inner!r} overlap")
        return value

    def routes(self) -> list[tuple[str, str]]:
        """(source, base topic) of everything that is on."""
        return [(name, base) for name, said in self.sources.items() for base in _bases(name, said)]


def _bases(source: str, said: bool | str | list[str]) -> list[str]:
    if isinstance(said, bool):
        return [decoder(source).base] if said else []
    return [said] if isinstance(said, str) else list(said)


def load_settings(file: Path) -> Settings:
    """Settings from `file` and the environment. Raises SettingsError naming the file and the key."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {getattr(error, 'strerror', None) or error}") from error
    try:
        settings = parse_settings(Settings, text, os.environ, PREFIX)
        _try_files(settings)
    except SettingsError as error:
        raise SettingsError("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from error
    return settings


def _try_files(settings: Settings) -> None:
    """Reads every file that the settings name, so that a mistake shows now and not at the first connection."""
    for name, broker in (("local", settings.local), ("centre", settings.centre)):
        try:
            broker.secret()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}.password_file: {broker.password_file}: {error}") from error
        try:
            broker.tls_context()
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"{name}.ca_file: {broker.ca_file}: {error}") from error
