"""Which major of the ``mcp`` package is installed, and the server that it makes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from chattool.mcp_server.answers import Origin


def make_server(origin: Callable[[Any], Origin]) -> Any:  # noqa: ANN401 - a class of either major
    """The low-level server of the installed major; see ``major_2.make_server``."""
    if int(version("mcp").partition(".")[0]) >= 2:  # noqa: PLR2004 - the major
        from chattool.mcp_server import major_2 as major  # noqa: PLC0415 - only one of them can be imported
    else:
        from chattool.mcp_server import major_1 as major  # type: ignore[no-redef]  # noqa: PLC0415 - as above
    return major.make_server(origin)
