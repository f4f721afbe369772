"""The tools' backend over the HTTP API of a server; ``open_remote`` opens it."""

from chattool.http_backend.remote import Remote, open_remote

__all__ = ["Remote", "open_remote"]
