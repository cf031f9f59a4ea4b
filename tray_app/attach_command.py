"""``mcpproxy-tray attach``: an icon here for an engine that runs elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from tray_app.flags import Flags, everywhere
from tray_app.way_in import way_in_at

KEY_VARIABLE = "MCPPROXY_API_KEY"


@click.command()
@everywhere
@click.argument("url")
@click.option("--key-file", type=click.Path(path_type=Path), help="A file with the engine's key.")
@click.pass_obj
def attach(flags: Flags, url: str, key_file: Path | None) -> None:
    """Show an icon for the engine at URL, such as http://127.0.0.1:8080.

    It may run in a container, or on another computer at the end of a tunnel. Its key (api_key in
    its config file) is taken from the variable MCPPROXY_API_KEY, or from a file.
    """
    base, key = engine_at(url), key_from(key_file)
    from tray_app.attached.engine import AttachedEngine
    from tray_app.attached.view import view_from_afar
    from tray_app.main import run_tray

    engine = AttachedEngine(url, key)
    engine.start()
    run_tray(
        engine,
        None,
        dashboard=lambda page: way_in_at(base, key, page),
        say=lambda sentence: click.echo(sentence, err=True),
        view=view_from_afar(lambda: engine.loss),
    )
    engine.stopped.result()


def engine_at(url: str) -> str:
    """The address without what follows the port. Raises BadParameter when it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(
            "it wants an address such as http://127.0.0.1:8080", None, None, "URL"
        )
    return f"{parts.scheme}://{parts.netloc}"


def key_from(key_file: Path | None) -> str:
    """The engine's key: from the file, else from the environment. Raises BadParameter."""
    if key_file is None:
        return os.environ.get(KEY_VARIABLE, "")
    try:
        return key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise click.BadParameter(
            f"{key_file} cannot be read: {why}", None, None, "--key-file"
        ) from None
