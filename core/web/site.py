"""What the routes' handlers work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.ports import (
    ClientFiles,
    ConfigText,
    Doctor,
    Door,
    Records,
    Registry,
    SignIns,
    ToolSearch,
)
from core.telemetry.logging import Logs
from core.web.encoded import EncodedServers
from core.web.loopback import Loopback
from core.web.metrics import Exporter
from core.web.pages import Pages
from core.web.sse import Events
from core.web.visits import Visits


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    door: Door
    doctor: Doctor
    config: ConfigText
    search: ToolSearch
    records: Records
    registry: Registry
    clients: ClientFiles
    pages: Pages
    visits: Visits
    sign_ins: SignIns
    loopback: Loopback
    events: Events
    exporter: Exporter
    logs: Logs
    version: str
    encoded: EncodedServers = field(default_factory=EncodedServers)
