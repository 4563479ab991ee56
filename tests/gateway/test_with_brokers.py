"""The whole gateway process between two real brokers: what a home and a centre see of it."""

import json
from uuid import UUID, uuid4

import pytest

from devices.envelope import Command
from devices.events import CommandResult, Heartbeat, Priority, Unknown
from simulators.processes import ProcessError
from tests.gateway.rig import Centre, Home, Rig, log_line


async def test_the_three_confirmations(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway()
    id = await home.press_native("sos_bath")
    await home.until(lambda: home.stages(id) == ["stored", "centre"])
    say = Command(
        v=1,
        id=uuid4(),
        kind="say",
        ttl_s=60,
        cause=UUID(id),
        body={"confirmation": "person", "texts": {"zh-CN": "小李已接警。"}},
    )
    await centre.command(say)
    await home.until(lambda: home.stages(id) == ["stored", "centre", "person"])
    stored, committed, person = home.feedback
    assert (stored["tone"], committed["tone"], person["tone"]) == (1, 2, 3)
    assert person["texts"]["zh-CN"] == "小李已接警。"
    assert person["texts"]["en"], "the centre sent one language, the home hears both"
    assert {(f["device"], f["kind"]) for f in home.feedback} == {("sos_bath", "sos")}
    await centre.until(lambda: len(centre.of_kind("command_result")) == 1)
    await centre.command(say)
    await centre.until(lambda: len(centre.of_kind("command_result")) == 2)
    assert len(home.feedback) == 3, "said once, answered twice"
    for envelope in centre.of_kind("command_result"):
        assert envelope.said() == CommandResult(command=str(say.id), result="done")


async def test_an_unknown_command_and_a_damaged_one(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway()
    await centre.publish("cmd", b"{")
    await centre.publish("ack", b'{"v":1,"epoch":"e","ids":["no uuid"]}')
    await centre.publish("ack", b"\xff" * 100_000)
    await centre.command(Command(v=1, id=uuid4(), kind="dance", ttl_s=5))
    await centre.until(lambda: bool(centre.of_kind("command_result")))
    said = centre.of_kind("command_result")[0].said()
    assert isinstance(said, CommandResult)
    assert said.result == "unsupported"


async def test_a_wrong_key_is_said_and_events_are_kept(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway(brokers.configure(key="not this one"), ready=log_line("centre_refused"))
    id = await home.press_native("sos_bath")  # the box has it
    refused = next(line for line in brokers.log() if line["event"] == "centre_refused")
    assert refused["level"] == "error"
    assert "[centre] password" in refused["hint"]
    assert "not this one" not in json.dumps(brokers.log())
    await brokers.running["gateway"].stop()
    await brokers.start_gateway(brokers.configure())
    await centre.until(lambda: [str(e.id) for e in centre.of_kind("sos")] == [id])


async def test_damaged_payloads_are_kept_said_and_hold_up_nothing(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway()
    for _ in range(5):
        await home.publish("zigbee2mqtt/broken", b"\xff\xfe{")
    await home.publish("anhu/device/v1/broken_too/up", b"not json")
    await home.publish("anhu/device/v1/typo/up", json.dumps({"v": 1, "id": str(uuid4()), "kind": "heart_rate"}))
    id = await home.press_native("sos_bath")
    await centre.until(lambda: str(id) in map(str, centre.envelopes) and len(centre.of_kind("unknown")) == 2)
    unknown = {e.device: e for e in centre.of_kind("unknown")}
    assert set(unknown) == {"broken", "broken_too"}, "one a minute, not five"
    assert isinstance(unknown["broken"].said(), Unknown)
    assert unknown["broken"].raw is not None
    assert unknown["broken"].raw.encoding == "base64"
    await centre.until(lambda: [e.device for e in centre.of_kind("fault")] == ["typo"])
    await home.until(lambda: {e["field"] for e in home.errors} >= {"payload"} and len(home.errors) >= 2)
    calls = {str(id), *(str(e.id) for e in unknown.values())}
    await home.until(lambda: calls <= {f["id"] for f in home.feedback if f["stage"] == "centre"})
    await brokers.running["gateway"].stop()
    outbox = await brokers.running.start(brokers.tool("outbox"))
    counts = json.loads(outbox.tail())
    assert counts["quarantined"] == 7
    assert counts["waiting"]["p0"] == 0


async def test_the_centre_away_and_back(brokers: Rig, home: Home) -> None:
    await brokers.start_gateway(brokers.configure(centre="reconnect_max_s = 1"))
    await brokers.running["centre-broker"].stop()
    ids = [await home.press_native(f"button_{n}") for n in range(5)]
    await home.until(lambda: all(home.stages(id)[:1] == ["stored"] for id in ids))
    await brokers.running.start(brokers.running["centre-broker"].command)
    async with Centre(brokers.centre_port).connected() as centre:
        await centre.until(lambda: len(centre.of_kind("sos")) == 5)
        assert [str(e.id) for e in centre.of_kind("sos")] == ids, "in their order"
        await home.until(lambda: all(home.stages(id)[-1:] == ["centre"] for id in ids))


async def test_a_backlog_of_telemetry_does_not_delay_a_call(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway()
    centre.silent = True
    reading = {"v": 1, "kind": "heart_rate", "body": {"value": 70}}
    for _ in range(40):
        await home.publish("anhu/device/v1/band/up", json.dumps([reading] * 50))
    await centre.until(lambda: len(centre.of_kind("heart_rate")) > 0)
    before = len(centre.messages)
    centre.silent = False
    id = await home.press_native("sos_bath")
    await home.until(lambda: "centre" in home.stages(id))
    since = centre.messages[before:]
    ahead = [m for m in since[: [p for p, _, _ in since].index(Priority.P0)] if m[0] is Priority.P2]
    assert len(ahead) <= 8, "at most what was under way already"
    assert all(size <= 8192 and len(batch) <= 32 for p, batch, size in centre.messages if p is Priority.P2)
    assert all(len(batch) == 1 for p, batch, _ in centre.messages if p is not Priority.P2)
    # Everything that was answered late is sent again, and all of it arrives.
    await centre.acknowledge(list(centre.envelopes))
    await centre.until(lambda: len(centre.of_kind("heart_rate")) == 2000)


async def test_a_restored_centre_gets_the_last_days_again(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway()
    old = await home.press_native("sos_bath")
    await home.until(lambda: "centre" in home.stages(old))
    centre.envelopes.clear()
    centre.epoch = "epoch-2"
    new = await home.press_native("sos_bed")
    await centre.until(lambda: {str(e.id) for e in centre.of_kind("sos")} == {old, new})
    await home.until(lambda: "centre" in home.stages(new))
    assert home.stages(old) == ["stored", "centre"], "the resident does not hear of it again"


async def test_a_device_that_resends_makes_one_event(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway()
    id = await home.native("sos_bath")
    for _ in range(3):
        await home.native("sos_bath", id=id)
    await home.until(lambda: home.acked[id] == 4)
    other = await home.press_native("sos_bed")
    await centre.until(lambda: {str(e.id) for e in centre.of_kind("sos")} == {id, other})


async def test_a_heartbeat_says_how_things_are(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway(brokers.configure(more="heartbeat_s = 0.2"))
    await home.press_native("sos_bath")

    def last() -> Heartbeat | None:
        beats = centre.of_kind("heartbeat")
        said = beats[-1].said() if beats else None
        assert said is None or isinstance(said, Heartbeat)
        return said

    await centre.until(lambda: (b := last()) is not None and "sos_bath" in b.device_age_s and b.outbox_depth == 0)
    beat = last()
    assert beat is not None
    assert beat.local_link
    assert beat.interval_s == 0.2
    assert all(len(batch) == 1 for _, batch, _ in centre.messages if batch[0].kind == "heartbeat")


async def test_a_retained_old_press_calls_nobody(brokers: Rig, centre: Centre, home: Home) -> None:
    await home.publish("zigbee2mqtt/sos_old", json.dumps({"action": "emergency"}), retain=True)
    await brokers.start_gateway()
    id = await home.press_native("sos_bath")
    await centre.until(lambda: [str(e.id) for e in centre.of_kind("sos")] == [id])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('id = "gw-1"\nheartbeats = 5\n[centre]\nurl = "mqtt://127.0.0.1"', "heartbeats: unknown key"),
        ('id = "gw-1"\n[centre]\nurl = "mqtt://127.0.0.1"\n[store]\npaht = "x"', "store.paht: unknown key"),
    ],
)
async def test_a_broken_configuration_file(brokers: Rig, text: str, expected: str) -> None:
    config = brokers.directory / "gateway.toml"
    config.write_text(text)
    with pytest.raises(ProcessError) as error:
        await brokers.start_gateway(config)
    assert "ended with 2:" in str(error.value)
    assert f"{config}: {expected}" in str(error.value)
