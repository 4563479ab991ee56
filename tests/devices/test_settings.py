"""Configuration: the file, the environment over it, and a line for every mistake with the path of its key."""

import pytest

from devices.errors import SettingsError
from devices.settings import Section, parse_settings


class Link(Section):
    url: str
    resend_s: float = 5.0


class Settings(Section):
    id: str
    link: Link
    sources: dict[str, bool | str | list[str]] = {}


FILE = 'id = "gw-1"\n[link]\nurl = "mqtt://127.0.0.1"\n'


def parse(toml: str = FILE, **environ: str) -> Settings:
    return parse_settings(Settings, toml, environ, "ANHU_TEST_")


def test_a_file_with_defaults() -> None:
    assert parse() == Settings(id="gw-1", link=Link(url="mqtt://127.0.0.1", resend_s=5.0))


def test_the_environment_wins() -> None:
    settings = parse(ANHU_TEST_LINK__URL="mqtt://other", ANHU_TEST_LINK__RESEND_S="2.5", ANHU_TEST_ID="gw-2")
    assert settings == Settings(id="gw-2", link=Link(url="mqtt://other", resend_s=2.5))


def test_the_environment_alone_is_enough() -> None:
    assert parse("", ANHU_TEST_ID="gw-3", ANHU_TEST_LINK__URL="mqtt://x").link.url == "mqtt://x"


def test_tables_and_lists_of_the_environment_are_json() -> None:
    assert parse(ANHU_TEST_SOURCES='{"native": true, "zigbee2mqtt": ["a", "b"]}').sources["zigbee2mqtt"] == ["a", "b"]


def test_other_variables_are_not_ours() -> None:
    assert parse(ANHU_OTHER_ID="x", PATH="/bin").id == "gw-1"


@pytest.mark.parametrize(
    ("toml", "environ", "message"),
    [
        (FILE + "user = 1\n", {}, "link.user: unknown key"),
        ("idd = 1\n" + FILE, {}, "idd: unknown key"),
        (FILE, {"ANHU_TEST_LINK__URI": "x"}, "link.uri: unknown key"),
        (FILE + 'resend_s = "soon"\n', {}, "link.resend_s: "),
        ('id = "gw-1"', {}, "link: Field required"),
        ("id = ", {}, "not TOML: "),
        (FILE, {"ANHU_TEST_SOURCES": "[1,"}, "sources: not JSON: "),
        (FILE, {"ANHU_TEST_ID__DEEPER": "x"}, "id.deeper: id is a value, not a table"),
    ],
)
def test_a_mistake_names_the_path(toml: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(toml, **environ)
    assert message in str(caught.value)


def test_every_mistake_has_its_line() -> None:
    with pytest.raises(SettingsError) as caught:
        parse("a = 1\nb = 2\n" + FILE)
    assert str(caught.value).splitlines() == ["a: unknown key", "b: unknown key"]
