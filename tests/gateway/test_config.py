"""The configuration file: what is refused, and how it is said."""

from pathlib import Path

import pytest

from devices.errors import SettingsError
from gateway.__main__ import main
from gateway.config import Settings, load_settings

GOOD = """
id = "gw-0001"
[centre]
url = "mqtt://127.0.0.1:1883"
password = "secret"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.toml"


def load(file: Path, text: str) -> Settings:
    file.write_text(text)
    return load_settings(file)


def test_what_a_small_file_means(file: Path) -> None:
    settings = load(file, GOOD)
    assert settings.routes() == [("native", "anhu/device/v1")]
    assert (settings.local.host, settings.local.port) == ("127.0.0.1", 1884)
    assert settings.centre.secret() == "secret"
    assert settings.heartbeat_s == 60
    assert "secret" not in repr(settings)


def test_sources(file: Path) -> None:
    text = f'{GOOD}\n[sources]\nnative = false\nzigbee2mqtt = ["upstairs", "downstairs"]'
    assert load(file, text).routes() == [("zigbee2mqtt", "upstairs"), ("zigbee2mqtt", "downstairs")]


def test_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANHU_GATEWAY_CENTRE__PASSWORD", "other")
    monkeypatch.setenv("ANHU_GATEWAY_SOURCES", '{"zigbee2mqtt": true}')
    settings = load(file, GOOD)
    assert settings.centre.secret() == "other"
    assert settings.routes() == [("zigbee2mqtt", "zigbee2mqtt")]


def test_a_key_in_a_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    text = GOOD.replace('password = "secret"', f'password_file = "{tmp_path / "key"}"')
    assert load(file, text).centre.secret() == "from the file"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("id =", "name ="), "name: unknown key"),
        (("gw-0001", "gw/0001"), "id: String should match"),
        (("mqtt://", "http://"), "centre.url: String should match"),
        (("[centre]", "heartbeat_s = 0\n[centre]"), "heartbeat_s: Input should be greater than 0"),
        (("[centre]", "[local]\nport = 1\n[centre]"), "local.port: unknown key"),
        (("[centre]", "[centre]\npassword_file = 'x'"), "centre: Value error, give either password or password_file"),
        (("[centre]", "[centre]\nca_file = 'x'"), "centre: Value error, ca_file needs an address"),
        (("[centre]", "[centre]\nusername = 'x'"), "centre.username: "),
        (
            ("[centre]", "[sources]\nzigbee = true\n[centre]"),
            "sources: Value error, unknown source 'zigbee': use one of",
        ),
        (("[centre]", "[sources]\nnative = false\n[centre]"), "sources: Value error, no source is on"),
        (("[centre]", "[sources]\nnative = 'a/#'\n[centre]"), "'a/#' is not a base topic"),
        (("[centre]", "[sources]\nnative = 'a'\nzigbee2mqtt = 'a/b'\n[centre]"), "'a' and 'a/b' overlap"),
        (("[centre]", "["), "not TOML"),
    ],
)
def test_mistakes_name_the_file_and_the_key(file: Path, change: tuple[str, str], expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(file, GOOD.replace(*change))
    assert str(error.value).startswith(f"{file}: ")
    assert expected in str(error.value)


@pytest.mark.parametrize("text", [GOOD.replace('password = "secret"', 'password_file = "/nonexistent/key"')])
def test_a_missing_key_file_shows_at_once(file: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"centre\.password_file: /nonexistent/key"):
        load(file, text)


def test_exit_codes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(file)]) == 2
    assert str(file) in capsys.readouterr().err
    file.write_text(f'{GOOD}\n[store]\npath = "{file.parent / "no" / "gateway.db"}"')
    assert main(["check", "--config", str(file)]) == 0
    said = capsys.readouterr().out
    assert "native on anhu/device/v1" in said
    assert "secret" not in said
    assert main(["run", "--config", str(file)]) == 3
    assert "the directory must exist and be writable" in capsys.readouterr().err
    assert main(["outbox", "--config", str(file)]) == 3
    with pytest.raises(SystemExit) as usage:
        main(["walk"])
    assert usage.value.code == 2
