"""Runs commands on a small disk of its own that is full, in a mount namespace of its own.

``python -m tests.surfaces.cli.on_full_disk FOLDER`` prints what the commands said, as JSON. It is to be
started by ``unshare``, so that the disk goes away with it.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from chattool.bundled_templates import bundled_templates
from tests.surfaces.cli.command_line import CommandLine

REFUSED = (
    ("groups", "set-allowance", "Everyone", "99"),
    ("tool", "call", "create_workspace", "-a", "template=scratch"),
)


def main(folder: Path) -> None:
    """Mount the disk at ``folder`` and play."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], check=True)  # noqa: S607 - the system's
    cli = CommandLine(folder / "home")
    scratch = next(path for path in bundled_templates() if path.name == "scratch")
    try:
        cli.json("templates", "push", scratch)
        cli.json("groups", "set-allowance", "Everyone", 40)
        full = folder / "full"
        fill(full)
        refused = [cli(*words) for words in REFUSED]
        full.unlink()
        cli.inside("engine", "stop")
        fill(full)
        refused += [cli(*words) for words in REFUSED]
        full.unlink()
        left = sorted(path.name for path in cli.home.iterdir())
        afterwards = [cli.json("workspaces", "list"), cli.json("quota", "show")["budget"]]
        created = cli.inside(*REFUSED[1]).code
    finally:
        cli.clean_up()
    ended = [asdict(each) for each in refused]
    sys.stdout.write(
        json.dumps({"refused": ended, "left": left, "afterwards": afterwards, "created": created})
    )


def fill(file: Path) -> None:
    """Leave no byte free."""
    with file.open("wb", buffering=0) as rest:
        try:
            while rest.write(b"\0" * 4096):
                pass
        except OSError:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
