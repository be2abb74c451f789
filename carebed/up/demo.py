"""The demo district: seeded by the registry (by name, for the ground floor imports no room), kept for restarts."""

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carebed.embedded.datadir import DataDirectory
from carebed.up.console import step


@dataclass(frozen=True)
class Demo:
    """Who can sign in and which gateways there are, as the ready file lists them."""

    users: Sequence[Mapping[str, Any]] = field(default_factory=list)
    gateways: Sequence[Mapping[str, Any]] = field(default_factory=list)


async def seed(owner_url: str, homes: int, data: DataDirectory) -> Demo:
    """Make the district with `homes` homes, or find it there from an earlier start."""
    seed_demo = importlib.import_module("registry.seed").seed_demo
    with step("demo district", f"{homes} homes"):
        credentials = await asyncio.to_thread(seed_demo, owner_url, homes, data.secrets)
    return Demo(credentials.users, credentials.gateways)
