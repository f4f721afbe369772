"""Logs of agents as they were stored before they had bounds."""

from db.ids import AgentId
from db.row_lists import insert_rows
from db.states import LogLevel
from db.tables import workspace_agent_logs
from db.transactions import Connection

_INSERT = insert_rows(workspace_agent_logs, "agent_id", "created_at", "level", "output")


def insert(conn: Connection, agent_id: AgentId, *outputs: str) -> None:
    """Store lines, whatever their length."""
    rows = [
        {"agent_id": agent_id, "created_at": conn.now, "level": LogLevel.INFO, "output": output}
        for output in outputs
    ]
    conn.run(_INSERT, workspace_agent_logs=rows)
