"""Templates for the echo provisioner."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence

Step = Mapping[str, object]

AGENT: Step = {"type": "echo", "name": "machine", "agents": [{"name": "main"}]}
COMPLETE: Step = {"complete": {}}


def echo_archive(phases: Mapping[str, Sequence[Step]]) -> bytes:
    """An archive that plays ``phases``: ``plan``, ``apply``, ``start.apply``, … each a list of steps."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for phase, steps in phases.items():
            for number, step in enumerate(steps):
                data = json.dumps(step).encode()
                member = tarfile.TarInfo(f"{number}.{phase}.json")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def costing(cost: int, **phases: Sequence[Step]) -> bytes:
    """A template whose builds cost ``cost`` and do what ``phases`` say; what is not named just completes."""
    applied = {"complete": {"state": f"state of {cost}", "resources": [AGENT]}}
    plan = [{"complete": {"cost": cost}}]
    named = {name.replace("_", "."): steps for name, steps in phases.items()}
    return echo_archive({"parse": [COMPLETE], "plan": plan, "apply": [applied], **named})
