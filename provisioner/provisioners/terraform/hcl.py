"""The ``variable`` blocks of a Terraform module, as JSON: ``hcl.py FOLDER``.

Run as a program of its own: parsing takes a while, and the files are anybody's. Only the library and the
standard library are imported here. Answers ``{"variables": [...]}`` or ``{"error": "main.tf:3: …"}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hcl2 import loads
from hcl2.utils import SerializationOptions
from lark.exceptions import LarkError, UnexpectedInput

FILE_LIMIT_BYTES = 1 << 20
_OPTIONS = SerializationOptions(
    with_comments=False,
    explicit_blocks=False,
    preserve_heredocs=False,
    strip_string_quotes=True,
)


class Unreadable(Exception):
    """A file that cannot be read as Terraform's; the text names file and line."""


def variables(folder: Path) -> list[dict[str, object]]:
    """Every variable of the module, in the order of its files; overrides come last."""
    files = sorted(
        (path for path in folder.iterdir() if path.name.endswith((".tf", ".tf.json"))),
        key=lambda path: (_overrides(path), path.name),
    )
    found: dict[str, dict[str, object]] = {}
    for path in files:
        for name, body in _in_file(path):
            found.setdefault(name, {"name": name, "file": path.name}).update(body)
    return list(found.values())


def _overrides(path: Path) -> bool:
    stem = path.name.removesuffix(".json").removesuffix(".tf")
    return stem == "override" or stem.endswith("_override")


def _in_file(path: Path) -> list[tuple[str, dict[str, object]]]:
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise Unreadable(f"{path.name} is larger than {FILE_LIMIT_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path.name} is not UTF-8: {error}") from error
    if path.suffix == ".json":
        return _in_json(path.name, text)
    try:
        blocks = loads(text, serialization_options=_OPTIONS).get("variable", [])
    except UnexpectedInput as error:
        raise Unreadable(f"{path.name}:{error.line}: cannot be read at column {error.column}") from error
    except (LarkError, RecursionError, RuntimeError, ValueError) as error:
        raise Unreadable(f"{path.name} cannot be read: {error}") from error
    return [
        (name.strip('"'), _described(body))
        for block in blocks
        for name, body in block.items()
        if isinstance(body, dict)
    ]


def _described(body: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key in ("type", "sensitive"):
        if key in body:
            found[key] = _literal(body[key])
    # The library leaves quotes escaped inside a heredoc.
    found["description"] = str(body.get("description", "")).replace('\\"', '"')
    if "default" in body:
        found["default"] = _plain(body["default"])
    rules = body.get("validation")
    if isinstance(rules, list) and rules and isinstance(rules[0], dict):
        found["validation_error"] = _literal(rules[0].get("error_message"))
    return found


def _in_json(name: str, text: str) -> list[tuple[str, dict[str, object]]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{name}:{getattr(error, 'lineno', 1)}: cannot be read: {error}") from error
    blocks = document.get("variable", {}) if isinstance(document, dict) else {}
    tables = blocks if isinstance(blocks, list) else [blocks]
    return [
        (variable, _described(body))
        for table in tables
        if isinstance(table, dict)
        for variable, body in table.items()
        if isinstance(body, dict)
    ]


def _literal(value: object) -> object:
    """An expression as it is written: the library marks those that are no plain values."""
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        return value[2:-1]
    return value


def _plain(value: object) -> object:
    """A default without the library's marks. Defaults are literals, so what is marked is a number."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        marked = _literal(value)
        if marked is not value:
            try:
                return json.loads(str(marked))
            except ValueError:
                return marked
        return value.replace("$${", "${").replace("%%{", "%{")
    return value


def main(folder: str) -> int:
    """Print the answer; the exit code."""
    try:
        answer: dict[str, object] = {"variables": variables(Path(folder))}
    except Unreadable as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
