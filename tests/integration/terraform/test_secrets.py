"""Secrets of a Terraform workspace stay where they have to be, and are found nowhere else."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from provisioner.scratch import scratch_folder
from tests.integration.terraform.engine_host import terraform_engine

KEY = "key-5f0c\"q'\\ü"
OUTPUT = "derived-81ba"
MODULE = """
variable "key" {
  type      = string
  sensitive = true
}
variable "chattool_agent_token" {
  type      = string
  sensitive = true
}
variable "chattool_workspace_transition" { type = string }
resource "terraform_data" "holder" {
  input = var.key
}
resource "terraform_data" "tell" {
  provisioner "local-exec" {
    command     = "sh OUT/tell.sh"
    environment = { KEY = var.key }
  }
}
resource "terraform_data" "clear" {
  input = join("-", ["derived", "81ba"])
}
resource "terraform_data" "last" {
  depends_on = [terraform_data.tell]
  provisioner "local-exec" {
    command = "echo $CHATTOOL_AGENT_TOKEN; ENDING"
  }
}
output "derived" {
  value     = terraform_data.clear.output
  sensitive = true
}
output "token" {
  value     = var.chattool_agent_token
  sensitive = true
}
output "daily_cost" { value = var.chattool_workspace_transition == "start" ? 2 : 1 }
"""
TELL = r"""
printf %s "$CHATTOOL_AGENT_TOKEN" > OUT/token
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' > OUT/command-lines
echo "said: $KEY"
echo "said: $KEY" >&2
"""
ALLOWED = {("workspace_builds", "state")}
"""Without it there is no next build; values of variables are kept encrypted."""


async def test_secrets_are_stored_for_the_next_build_only(tmp_path: Path, plugin_cache: Path) -> None:
    (tmp_path / "tell.sh").write_text(TELL.replace("OUT", str(tmp_path)))
    async with terraform_engine(tmp_path, plugin_cache) as host:
        await host.engine.set_allowance("Everyone", 100)
        template = await host.template("tf", MODULE.replace("ENDING", "true"), key=KEY)
        created = await host.call("create_workspace", template_id=str(template.id), name="dev")
        answers = [created, await host.call("get_workspace_build_logs", build_id=created["build_id"])]
        tokens = {(tmp_path / "token").read_text()}
        answers.append(await host.call("read_template", template_id=str(template.id)))
        answers.append(await host.call("stop_workspace"))
        await host.template("tf", MODULE.replace("ENDING", "echo no: $CHATTOOL_AGENT_TOKEN; exit 1"))
        failing = await host.call("create_workspace", chat="other", template_id=str(template.id), name="bad")
        tokens.add((tmp_path / "token").read_text())
        answers.append(failing)

    assert len(tokens) == 2
    assert "error" in failing
    secrets = [form for secret in (KEY, OUTPUT, *tokens) for form in forms(secret)]
    assert holders(tmp_path / "chattool.sqlite3", secrets) == ALLOWED
    for answer in answers:
        assert not found_in(json.dumps(answer, ensure_ascii=False).encode(), secrets)
    assert not found_in((tmp_path / "command-lines").read_bytes(), secrets)
    kept = (scratch_folder(), plugin_cache)
    assert not [path for folder in kept for path in files(folder) if found_in(path.read_bytes(), secrets)]


def forms(secret: str) -> Iterator[bytes]:
    """The ways in which a secret is written."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")[:-1]


def found_in(data: bytes, secrets: list[bytes]) -> bool:
    return any(secret in data for secret in secrets)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def holders(database: Path, secrets: list[bytes]) -> set[tuple[str, str]]:
    """Tables and columns that hold one of the secrets."""
    found = set()
    with closing(sqlite3.connect(database)) as connection:
        connection.text_factory = bytes
        tables = [
            name.decode()
            for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
        ]
        for table in tables:
            rows = connection.execute(f'select * from "{table}"')  # noqa: S608 - our own tables
            names = [column[0] for column in rows.description]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, bytes) and found_in(value, secrets):
                        found.add((table, name))
    return found
