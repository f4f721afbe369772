"""A short-lived command: asks for a workspace, does not wait for it, prints the answer."""

import asyncio
import json
import sys
from pathlib import Path

from tests.integration.background.engine_home import EngineHome

if __name__ == "__main__":
    answer = asyncio.run(
        EngineHome(Path(sys.argv[1])).call(
            "create_workspace", {"template_id": sys.argv[2], "wait_seconds": 0}
        )
    )
    sys.stdout.write(json.dumps(answer))
