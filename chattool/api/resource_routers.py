"""The routers of templates, workspaces, builds, jobs and chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter

#: Below ``/api/v2``.
ROUTERS: Sequence[APIRouter] = ()
#: Below ``/api/experimental``.
EXPERIMENTAL: Sequence[APIRouter] = ()
