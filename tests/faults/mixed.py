"""The program with servers that exist only inside it: ``python -m tests.faults.mixed PROGRAM …``.

Entries whose name begins with ``fake-`` are connected at once to nobody; all others, and all
else, are the program's own. For more servers than a machine can run processes.
"""

from __future__ import annotations

import sys

from core import app
from core.model.config import ServerConfig
from core.model.faults import Fault
from core.ports import Link
from core.upstream.connection import StdioConnector
from core.upstream.conversation import SHARED, Terms
from tests.fakes.connector import FakeConnector, FakePeer
from tests.program import PROGRAM
from tray_app.__main__ import main

FAKE = "fake-"


class MixedConnector(StdioConnector):
    """Opens real connections and made-up ones."""

    fakes = FakeConnector(FakePeer.connect)

    async def __call__(
        self, config: ServerConfig, link: Link, terms: Terms = SHARED
    ) -> Fault | None:
        if config.name.startswith(FAKE):
            return await self.fakes(config, link)
        return await super().__call__(config, link, terms)


if __name__ == "__main__":
    # The composition root has no seam for this, and needs none but here.
    app.StdioConnector = MixedConnector
    sys.argv = ["mcpproxy-tray", *sys.argv[1 + len(PROGRAM) :]]
    main()
