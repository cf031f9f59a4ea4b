"""The command ``mcpproxy-tray``: starts the program, or asks the one that runs."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from core import __version__
from core.errors import AlreadyRunning, McpProxyError
from tray_app import report, sign_in
from tray_app.approval_commands import approve_server, approve_tools, diff, review_of
from tray_app.attach_command import attach
from tray_app.autostart_command import autostart
from tray_app.client import Client
from tray_app.client_commands import connect, disconnect, import_servers
from tray_app.dashboard_command import dashboard
from tray_app.flags import Flags, everywhere
from tray_app.paths import Paths
from tray_app.printable import printable
from tray_app.secret_commands import secrets
from tray_app.server_commands import servers
from tray_app.tool_commands import tools
from tray_app.way_in import way_in

if TYPE_CHECKING:
    from core.app import EngineThread, Options
    from tray_app.chores import Chores

ENGINE_ENDED = b"\0"  # no signal has this number


@click.group(invoke_without_command=True)
@everywhere
@click.version_option(__version__, prog_name="mcpproxy-tray")
@click.pass_context
def cli(context: click.Context) -> None:
    """Keep MCP servers running and offer them to every AI client at one address.

    Without a command: run, with an icon in the tray.
    """
    if context.invoked_subcommand is None:
        _run(context.ensure_object(Flags), with_tray=True)


@cli.command()
@everywhere
@click.pass_obj
def run(flags: Flags) -> None:
    """Run with an icon in the tray (the same as no command)."""
    _run(flags, with_tray=True)


@cli.command()
@everywhere
@click.pass_obj
def serve(flags: Flags) -> None:
    """Run without an icon: for services, containers and CI."""
    _run(flags, with_tray=False)


@cli.command()
@everywhere
@click.option("--server", metavar="NAME", help="One server only, as if it were connected directly.")
@click.option("--profile", metavar="NAME", help="The servers of one profile only.")
@click.pass_obj
def stdio(flags: Flags, server: str | None, profile: str | None) -> None:
    """Be an MCP server on stdin and stdout that forwards to the running program.

    For AI clients that cannot connect to an address. --listen says where the program runs if it
    does not run on this computer under this user.
    """
    if server is not None and profile is not None:
        raise click.UsageError("Give either --server or --profile, not both.")
    import os

    from tray_app.stdio.command import run

    run(flags.address(), server, profile, os.environ.get("MCPPROXY_API_KEY"))


@cli.command()
@everywhere
@click.pass_obj
def status(flags: Flags) -> None:
    """Say what the running program is doing."""
    flags.show(flags.client().get("/api/v1/status"), report.status)


@cli.command()
@everywhere
@click.option(
    "--bundle",
    metavar="FILE.zip",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a report for a bug report, without secrets.",
)
@click.pass_obj
def doctor(flags: Flags, bundle: Path | None) -> None:
    """Say what is wrong, why, and what to do; exit code 1 if anything is."""
    from tray_app import doctor

    client, places = flags.client(), flags.paths()
    data = doctor.examine(client, lambda: _options(flags, places))
    flags.show(data, doctor.words)
    if bundle is not None:
        doctor.write_bundle(client, lambda: _options(flags, places), bundle)
        click.echo(f"The report is in {bundle}. Look through it before you send it.", err=True)
    doctor.leave(data)


@cli.command("log-level")
@everywhere
@click.argument("level", required=False)
@click.option("--logger", metavar="NAME", help="One part of the program, such as core.gateway.")
@click.pass_obj
def log_level(flags: Flags, level: str | None, logger: str | None) -> None:
    """Show how much the running program logs, or change it until it ends.

    LEVEL is trace, debug, info, warn or error; default takes back what was set.
    """
    client = flags.client()
    if level is None:
        data = client.get("/api/v1/logging")
    else:
        data = client.post("/api/v1/logging", {"level": level, "logger": logger})
    flags.show(data, report.levels)


cli.add_command(servers)
cli.add_command(tools)
cli.add_command(attach)
cli.add_command(autostart)
cli.add_command(import_servers)
cli.add_command(dashboard)
cli.add_command(secrets)
cli.add_command(sign_in.login)
cli.add_command(sign_in.logout)
servers.add_command(approve_server)
tools.add_command(approve_tools)
tools.add_command(diff)
cli.add_command(connect)
cli.add_command(disconnect)


# --- running ----------------------------------------------------------------------------------


def _run(flags: Flags, *, with_tray: bool) -> None:
    from tray_app.last_run import noting_the_end
    from tray_app.single_instance import only_instance

    places = flags.paths()
    try:
        with (
            only_instance(places.lock_file),
            noting_the_end(places.data_dir / "running") as cut_short,
        ):
            with _nothing_to_sweep():
                options = _options(flags, places)
                engine = _started(options)
            _run_alone(engine, options, flags, with_tray=with_tray, cut_short=cut_short)
    except AlreadyRunning as running:
        raise AlreadyRunning(f"{running}{_show_the_first(flags.client())}") from None


@contextmanager
def _nothing_to_sweep() -> Iterator[None]:
    """What is made in here stays: no garbage is looked for in it, neither now nor later.

    That is a twentieth of a start, and later spares the engine's loop pauses of several ms
    in which Python looks through everything there is.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _options(flags: Flags, places: Paths) -> Options:
    import os

    from core.app import Options
    from tray_app.help import help_pages
    from tray_app.program import program
    from tray_app.shipped import assets

    return Options(
        config_file=places.config_file,
        log_dir=places.log_dir,
        owner_file=places.owner_file,
        socket_file=places.socket_file,
        dashboard=(assets() / "dashboard", help_pages()),
        bridge=(program(), "stdio"),
        listen=flags.listen or os.environ.get("MCPPROXY_LISTEN"),
        api_key=os.environ.get("MCPPROXY_API_KEY"),
        log_level=flags.log_level or os.environ.get("MCPPROXY_LOG_LEVEL"),
    )


def _started(options: Options) -> EngineThread:
    from core.app import start

    return start(options)


def _run_alone(
    engine: EngineThread, options: Options, flags: Flags, *, with_tray: bool, cut_short: bool
) -> None:
    def announce() -> None:
        click.echo(f"MCP Proxy Tray is running. AI clients connect to {engine.snapshot.endpoint}")
        click.echo(f"Config file: {options.config_file}")

    if with_tray:
        announce()
        from tray_app.main import run_tray

        chores = _chores(engine, options, flags)
        client = Client(options.socket_file)
        run_tray(
            engine,
            chores,
            dashboard=lambda page: way_in(client, page),
            say=lambda sentence: click.echo(sentence, err=True),
            cut_short=cut_short,
        )
    else:
        _wait_for_signals(engine, announce)
    engine.stopped.result()


def _chores(engine: EngineThread, options: Options, flags: Flags) -> Chores:
    import os

    from tray_app import doctor
    from tray_app.app_chores import AppChores
    from tray_app.autostart import here
    from tray_app.autostart_command import start_command
    from tray_app.chores import Chores, recent_calls, unused_for
    from tray_app.client_commands import desk
    from tray_app.updates import Updates

    client = Client(options.socket_file)
    return Chores(
        config_file=options.config_file,
        data_dir=options.database_file.parent,
        log_dir=options.log_dir,
        log_path_of=lambda name: options.server_log(engine.snapshot, name),
        review_of=lambda name: review_of(client, name),
        write_report=lambda file: doctor.write_bundle(client, lambda: options, file),
        recent_calls=lambda: recent_calls(client),
        unused_for=lambda name: unused_for(client, name),
        problems=lambda: doctor.short_report(doctor.examine(client, lambda: options)),
        updates=lambda: Updates(
            options.database_file.with_name("updates.json"), engine.snapshot.config.update_url
        ),
        apps=AppChores(lambda: desk(flags, engine.snapshot.endpoint), options.log_dir),
        sign_in_link=lambda name: sign_in.link(client, name),
        signed_in=lambda name: sign_in.waited(client, name),
        autostart=here(Path.home(), os.environ),
        command=start_command(flags),
    )


def _wait_for_signals(engine: EngineThread, listening: Callable[[], None]) -> None:
    """Sleep until the engine has stopped; a signal to end asks it to, the same again in haste.

    ``listening`` is called once signals are heeded.

    Another signal than the first adds nothing: systemd sends SIGHUP right after SIGTERM.
    Signals arrive as bytes on a socket, because a handler that ran code of ours could interrupt
    that very code while it holds a lock.
    """
    from core.model.intents import Shutdown

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, lambda _number, _frame: None)
        engine.stopped.add_done_callback(lambda _: theirs.send(ENGINE_ENDED))
        listening()
        asked: set[bytes] = set()
        while (number := ours.recv(1)) != ENGINE_ENDED:
            if not asked or number in asked:
                engine.submit(Shutdown())
            asked.add(number)
        signal.set_wakeup_fd(-1)


def _show_the_first(client: Client) -> str:
    """Ask the instance that runs to show itself; what it is doing, in words."""
    try:
        client.post("/api/v1/show")
        return f"\n{report.status(client.get('/api/v1/status'))}"
    except McpProxyError:
        return " It is starting or stopping just now."


def main() -> NoReturn:
    """The entry point: every expected error is one message and an exit code of its own."""
    try:
        cli(prog_name="mcpproxy-tray", standalone_mode=False, obj=Flags())
    except McpProxyError as error:
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as in `… | head`
        sys.stderr.close()
        sys.exit(1)
    sys.exit(0)


def _fail(message: str, exit_code: int) -> NoReturn:
    click.echo(f"mcpproxy-tray: {printable(message)}", err=True)
    sys.exit(exit_code)
