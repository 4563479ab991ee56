"""The documents are part of the product: what they link to exists, what they show works, their lists are the code's."""

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from devices import events
from devices.envelope import decode_ack, decode_command, decode_envelopes

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def without_code(text: str) -> str:
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """As the usual renderers make them."""
    heads = re.findall(r"^#+ +(.+)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in _LINK.findall(without_code(document.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        lost = (
            anchor
            and target.exists()
            and target.suffix == ".md"
            and anchor not in anchors(target.read_text(encoding="utf-8"))
        )
        if not target.exists() or lost:
            broken.append(link)
    assert not broken


def test_the_protocol_s_examples_are_read_by_both_sides() -> None:
    examples = [
        code for language, code in _FENCE.findall((ROOT / "docs/protocol.md").read_text(encoding="utf-8"))
        if language == "json"
    ]  # fmt: skip
    ids: set[uuid.UUID] = set()
    for example in examples:
        if "ids" in json.loads(example):
            assert set(decode_ack(example.encode()).ids) <= ids, "the acknowledgement names events shown before it"
        elif "ttl_s" in json.loads(example):
            assert decode_command(example.encode()).cause in ids
        else:
            for envelope in decode_envelopes(example.encode()):
                envelope.said()
                ids.add(envelope.id)
    assert len(examples) == 4


def test_the_protocol_lists_every_kind_in_its_class() -> None:
    table = re.search(r"### Kinds and their class\n(.*?)\n\n`help`", (ROOT / "docs/protocol.md").read_text(), re.DOTALL)
    assert table
    listed = {
        kind: row.split("|")[1].strip()
        for row in table[1].splitlines() if row.startswith("| p")
        for kind in re.findall(r"`(\w+)`", row)
    }  # fmt: skip
    assert listed == {kind: events.priority_of(kind).value for kind in (*events.KINDS, *events.READING_KINDS)}


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"])
def test_every_make_command_exists(readme: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)(?=[\s`])", (ROOT / readme).read_text(encoding="utf-8")))
    named -= {"a", "it"}
    assert named >= {"demo", "test"} or readme == "CONTRIBUTING.md"
    missing = [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)]
    assert not missing


def test_both_readmes_show_the_same_commands() -> None:
    def commands(name: str) -> list[str]:
        blocks = [
            code for language, code in _FENCE.findall((ROOT / name).read_text(encoding="utf-8")) if language == "sh"
        ]
        return [line.partition("    #")[0] for block in blocks for line in block.splitlines()]

    assert commands("README.md") == commands("README.zh-CN.md")


def test_the_readme_s_message_is_understood() -> None:
    """What a newcomer copies, put through the decoder that the gateway uses."""
    said = re.search(r"""-m "(\{.*\})"$""", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert said
    payload = said[1].replace('\\"', '"').replace("$id", str(uuid.uuid4()))
    done = subprocess.run(
        [sys.executable, "-m", "devices", "decode", "--source", "native", "--topic", "anhu/device/v1/my_button/up"],
        input=payload, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"sos"' in done.stdout


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"\(adr/(\d{4}-[\w-]+\.md)\)", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert {p.name for p in (ROOT / "docs/adr").glob("*.md")} == set(listed)
