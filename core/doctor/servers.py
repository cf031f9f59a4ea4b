"""Each server: what the engine knows of it, or else whether it could be started."""

from __future__ import annotations

from core.model.config import EnvironmentPolicy, Http, ServerConfig, ServerName
from core.model.faults import Action, Fault
from core.model.findings import Finding, Gravity
from core.model.status import Level, Phase, ServerStatus
from core.upstream import classify
from core.upstream.launch import Launch, prepare
from core.upstream.values import MissingSecret, Values

_GRAVITY: dict[Phase, Gravity] = {
    Phase.DISABLED: Gravity.OK,
    Phase.CONNECTING: Gravity.NOTE,
    Phase.READY: Gravity.OK,
    Phase.BACKOFF: Gravity.WARNING,
    Phase.AUTH_REQUIRED: Gravity.WARNING,
    Phase.FAILED: Gravity.ERROR,
    Phase.STOPPING: Gravity.NOTE,
}


def running(status: ServerStatus) -> Finding:
    """A server as the engine sees it, in the engine's words."""
    gravity = _GRAVITY[status.phase]
    if status.phase is Phase.READY and status.health.level is not Level.HEALTHY:
        gravity = Gravity.NOTE if status.quarantined else Gravity.WARNING
    return Finding(
        check="server",
        level=gravity,
        what=f"{status.name}: {status.health.summary}",
        why=status.health.detail,
        fix=next_step(status.health.action, status.name) if gravity is not Gravity.OK else "",
        server=status.name,
        code=status.fault.code if status.fault is not None else None,
    )


def startable(
    config: ServerConfig, policy: EnvironmentPolicy, values: Values | Fault, path: str
) -> Finding:
    """Whether a server could be started, judged by what the start itself would do first.

    ``values`` is what its entry refers to, ``path`` where commands are searched. Reads the disk
    and starts nothing.
    """
    if not config.enabled:
        return _fine(config, "Disabled")
    if isinstance(config.transport, Http):
        return _fine(config, "Reached by URL", "Examined only while the program runs.")
    launch: Launch | Fault
    try:
        if isinstance(values, Fault):
            launch = values
        else:
            launch = prepare(config.transport, policy, values, path)
    except MissingSecret as error:
        launch = classify.missing_secret(str(error))
    if isinstance(launch, Fault):
        return Finding(
            check="server",
            level=Gravity.ERROR,
            what=f"{config.name}: Cannot be started",
            why=launch.message,
            fix=next_step(launch.action, config.name),
            server=config.name,
            code=launch.code,
        )
    return _fine(config, "Can be started", f"Its command is {launch.argv[0]}.")


def _fine(config: ServerConfig, summary: str, why: str = "") -> Finding:
    return Finding(
        check="server",
        level=Gravity.OK,
        what=f"{config.name}: {summary}",
        why=why,
        server=config.name,
    )


def next_step(action: Action, name: ServerName) -> str:
    """The action as something to do where there is no menu."""
    match action:
        case Action.RESTART:
            return f"mcpproxy-tray servers restart {name}"
        case Action.VIEW_LOGS:
            return f"mcpproxy-tray servers logs {name}"
        case Action.CONFIGURE:
            return f"Correct the entry of {name} in the config file; saving it is enough."
        case Action.SET_SECRET:
            return "Set the value; after setting a variable, start MCP Proxy Tray anew."
        case Action.ENABLE:
            return f"mcpproxy-tray servers enable {name}"
        case Action.LOGIN:
            return f"mcpproxy-tray login {name}"
        case Action.APPROVE:
            return f"mcpproxy-tray servers approve {name}"
        case Action.NONE:
            return ""
