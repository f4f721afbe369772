"""The log of a daemon: one event per line, with keys. Set up at entry points only."""

from __future__ import annotations

import logging
import sys

#: Some of them would log the headers of handshakes, tokens among them.
_NOISY = ("httpx", "uvicorn", "websockets", "alembic")


def log_events(level: int = logging.INFO) -> None:
    """Write what the packages log to standard error, as ``key=value`` lines."""
    import structlog  # noqa: PLC0415 - programs that never log should not import it

    processors: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=processors,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.LogfmtRenderer(
                key_order=("timestamp", "level", "event"), drop_missing=True, bool_as_flag=False
            ),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
