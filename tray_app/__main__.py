"""The entry point of ``mcpproxy-tray`` and of ``python -m tray_app``."""

from __future__ import annotations

import sys
from typing import NoReturn

EXAMPLE_SERVER = "example-server"


def main() -> NoReturn:
    """Hand over to the command line, or to the bundled server, which needs none of it."""
    if sys.argv[1:2] == [EXAMPLE_SERVER]:
        from tray_app import example_server

        sys.exit(example_server.main())
    from tray_app import cli, last_words

    last_words.install()
    cli.main()


if __name__ == "__main__":
    main()
