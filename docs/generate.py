"""Writes the documents that are made from the code: docs/openapi.json and docs/configuration.md.

`--check` writes nothing and fails when one of them is not what the code says today.
"""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from devices.settings import Section

HERE = Path(__file__).parent
_FIELD = re.compile(r"^    (?P<name>[a-z_]+): .*?  # (?P<said>.+)$")

_HEAD = """# Configuration

<!-- Made by docs/generate.py from the settings' own definitions: `python docs/generate.py` after changing them. -->

A TOML file (`--config`), then environment variables, which win. A variable is the prefix, then the path of the key in
capitals with `__` between table and key, for example `ANHU_SERVER_DATABASE__URL=postgresql+asyncpg://…`.
Values that begin with `[` or `{` are read as JSON. Unknown keys are refused with their path.
Passwords and tokens are better kept in files (`…_file`) than in the TOML.
"""


def openapi() -> str:
    """The HTTP interface, as `anhu-server openapi` prints it."""
    command = [sys.executable, "-m", "server", "openapi"]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"anhu-server openapi failed:\n{done.stderr}")
    return json.dumps(json.loads(done.stdout), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def configuration() -> str:
    """Every key of server and gateway with its type, limits, default and the comment beside it in the code."""
    from gateway import config as gateway_config
    from server import config as server_config

    parts = [_HEAD]
    for title, module in (("anhu-server", server_config), ("anhu-gateway", gateway_config)):
        parts.append(f"## {title}\n\nPrefix of the variables: `{module.PREFIX}`\n")
        parts += _tables(module.Settings, "")
    return "\n".join(parts)


def _tables(model: type[BaseModel], path: str) -> list[str]:
    schema = model.model_json_schema()["properties"]
    comments = _comments(model)
    rows, below = [], []
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section:
            below += _tables(section, f"{path}{name}.")
            continue
        if schema[name].get("type") == "null":
            continue  # a base's key that this table does not have
        required = field.default is PydanticUndefined and field.default_factory is None
        default = "**required**" if required else _default(field.get_default(call_default_factory=True))
        rows.append(f"| `{name}` | {_type(schema[name])} | {default} | {comments.get(name, '')} |")
    head = f"### [{path.rstrip('.')}]\n" if path else "### At the top of the file\n"
    intro = f"{inspect.cleandoc(model.__doc__ or '')}\n" if path else "Before the first table.\n"
    table = ["| key | type | default | |", "|---|---|---|---|", *rows]
    return [*([head, intro, "\n".join(table) + "\n"] if rows else []), *below]


def _section(annotation: Any) -> type[Section] | None:
    """The table that a field stands for, also where it may be left out."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((a for a in candidates if inspect.isclass(a) and issubclass(a, Section)), None)


def _comments(model: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for cls in reversed([c for c in model.__mro__ if issubclass(c, Section)]):
        matches = (_FIELD.match(line) for line in inspect.getsource(cls).splitlines())
        found |= {m["name"]: m["said"].replace("|", "\\|") for m in matches if m}
    return found


def _default(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, Path):
        value = str(value)
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "pattern": "`{}`",
}


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(s) for s in schema["anyOf"] if s.get("type") != "null")
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kind = {"string": "text", "boolean": "true or false", "object": "table", "array": "list"}.get(
        str(schema.get("type")), str(schema.get("type", "see the text"))
    )
    if schema.get("format") == "path":
        kind = "path"
    if schema.get("format") == "password":
        kind = "secret text"
    limits = [text.format(schema[key]).replace("|", "\\|") for key, text in _LIMITS.items() if key in schema]
    return ", ".join([kind, *limits])


DOCUMENTS = {"openapi.json": openapi, "configuration.md": configuration}


def main(arguments: list[str]) -> int:
    stale = []
    for name, make in DOCUMENTS.items():
        path, text = HERE / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            stale.append(f"docs/{name} is not what the code says: python docs/generate.py")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"docs/{name} written")  # noqa: T201
    print("\n".join(stale), file=sys.stderr, end="\n" if stale else "")  # noqa: T201
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
