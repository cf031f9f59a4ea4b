"""What the routes' handlers work with."""

from __future__ import annotations

from dataclasses import dataclass

from core.ports import Doctor, Door
from core.telemetry.logging import Logs
from core.web.metrics import Exporter
from core.web.sse import Events


@dataclass(frozen=True, slots=True)
class Site:
    door: Door
    doctor: Doctor
    events: Events
    exporter: Exporter
    logs: Logs
    version: str
