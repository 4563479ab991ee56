"""anhu-devices: what a device's message means, on the command line. Reads stdin, writes JSON lines; never connects."""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from devices.errors import DecodeError, UnknownSourceError
from devices.events import body_of, kind_of
from devices.registry import Decoded, Decoder, Memory, Message, Report, decoder, decoders

OK, NOT_DECODED, USAGE = 0, 1, 2

_EXAMPLES = """\
examples:
  echo '{"action":"emergency","battery":87}' | anhu-devices decode --source zigbee2mqtt --topic zigbee2mqtt/sos_bath
  echo '{"v":1,"kind":"sos"}' | anhu-devices decode --source native --topic anhu/device/v1/button-1/up
  mosquitto_sub -t 'zigbee2mqtt/#' -F %j | anhu-devices decode --source zigbee2mqtt --jsonl

Each event or reading is one line: {"device": …, "kind": …, "phase": …, "mode": …, the kind's own fields}.
exit codes: 0 decoded · 1 a message could not be decoded (in full) · 2 wrong usage
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anhu-devices",
        description="What a device's message means to Anhu.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("sources", help="list the sources that can be decoded")
    decode = commands.add_parser(
        "decode",
        help="decode a message, or a sequence of them, from stdin",
        description="Decode the message on stdin; print one JSON line for each event and reading.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    decode.add_argument("--source", required=True, metavar="S", help="where it comes from; see: anhu-devices sources")
    decode.add_argument("--topic", metavar="T", help="its MQTT topic (default: that of a device named “device”)")
    decode.add_argument("--base", metavar="B", help="base topic of the source (default: the source's own)")
    decode.add_argument("--retained", action="store_true", help="the broker had kept it (retain flag)")
    decode.add_argument(
        "--jsonl",
        action="store_true",
        help='stdin is a sequence, one {"topic","payload","retain"} per line, decoded with memory; "payload" is text '
        'or a JSON object, "after_s" the seconds since the line before, where it matters',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return _run(argv)
    except BrokenPipeError:  # the reader has seen enough, which is no error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.command == "sources":
        for known in decoders().values():
            print(f"{known.source}\t{known.title}\tbase {known.base}")
        return OK
    try:
        chosen = decoder(arguments.source)
    except UnknownSourceError as error:
        print(f"anhu-devices: {error}", file=sys.stderr)
        return USAGE
    base = (arguments.base or chosen.base).rstrip("/")
    topic = arguments.topic or _own_topic(chosen, base)
    if arguments.jsonl and arguments.topic:
        print("anhu-devices: --jsonl brings a topic in every line; leave --topic out", file=sys.stderr)
        return USAGE
    session = _Session(chosen, base)
    if arguments.jsonl:
        session.lines(sys.stdin.buffer)
    else:
        payload = sys.stdin.buffer.read()
        session.message(topic, _without_newline(payload), retained=arguments.retained, received_s=time.monotonic())
    return NOT_DECODED if session.failed else OK


def _own_topic(chosen: Decoder, base: str) -> str:
    return chosen.subscriptions[0].format(base=base).replace("+", "device").replace("#", "device")


def _without_newline(payload: bytes) -> bytes:
    """`echo` ends its line; no device does."""
    return payload.removesuffix(b"\n").removesuffix(b"\r")


class _Session:
    """One source, read in order with the memory of each device, as a gateway does."""

    def __init__(self, chosen: Decoder, base: str) -> None:
        self.decoder = chosen
        self.base = base
        self.memory: dict[str, Memory] = {}
        self.failed = False

    def lines(self, stream: Iterable[bytes]) -> None:
        offset_s = 0.0
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                topic, payload, retained, after_s = _row(line)
            except DecodeError as error:
                self._fail(f"line {number}: {error}")
                continue
            offset_s += after_s
            received_s = time.monotonic() + offset_s
            self.message(topic, payload, retained=retained, received_s=received_s, where=f"line {number}: ")

    def message(self, topic: str, payload: bytes, *, retained: bool, received_s: float, where: str = "") -> None:
        try:
            topic.encode()
        except UnicodeEncodeError:
            self._fail(f"{where}topic: not UTF-8")
            return
        if not topic.startswith(f"{self.base}/"):
            self._fail(f"{where}topic: {topic!r} is not below the base {self.base!r}; see --base")
            return
        device = self.decoder.identify(topic, self.base)
        if device is None:
            print(f"{where}topic {topic} says nothing to {self.decoder.source}", file=sys.stderr)
            return
        message = Message(topic, payload, retained, received_s)
        try:
            decoded = self.decoder.decode(message, self.base, self.memory.get(device, {}))
        except DecodeError as error:
            self._fail(f"{where}{error}")
            return
        self.memory[device] = decoded.memory
        self._show(decoded, where)

    def _show(self, decoded: Decoded, where: str) -> None:
        for report in decoded.reports:
            _print(line_of(report), sys.stdout)
        for problem in decoded.problems:
            self._fail(f"{where}{problem.field}: {problem.problem}")

    def _fail(self, problem: str) -> None:
        self.failed = True
        _print("anhu-devices: " + " ".join(problem.split()), sys.stderr)


def line_of(report: Report) -> str:
    """The report as one JSON line; fields without a value are left out."""
    said = report.said
    fields: dict[str, Any] = {
        "device": report.device,
        "kind": kind_of(said),
        "phase": said.phase,
        "mode": report.mode,
        **{name: value for name, value in body_of(said).items() if value is not None},
    }
    for name, value in (("id", report.id), ("cause", report.cause), ("device_time", report.device_time)):
        if value is not None:
            fields[name] = value if isinstance(value, str) else value.isoformat()
    return json.dumps(fields, ensure_ascii=False)


def _print(line: str, stream: TextIO) -> None:
    print(line, file=stream, flush=True)


def _row(line: bytes) -> tuple[str, bytes, bool, float]:
    """Topic, payload, retain flag and pause of one line of --jsonl."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DecodeError("line", f"not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("topic"), str):
        raise DecodeError("topic", 'each line is {"topic": text, "payload": text or object, "retain": true or false}')
    payload, after_s = row.get("payload", ""), row.get("after_s", 0)
    if isinstance(after_s, bool) or not isinstance(after_s, int | float) or not 0 <= after_s < 1e9:
        raise DecodeError("after_s", "must be seconds, 0 or more")
    if payload is None:
        payload = ""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return row["topic"], text.encode(errors="surrogatepass"), bool(row.get("retain", row.get("retained"))), after_s


if __name__ == "__main__":
    sys.exit(main())
