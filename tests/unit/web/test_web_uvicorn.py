"""What we use of uvicorn beyond its documented surface is there, and means what we think."""

from __future__ import annotations

import inspect

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from core.web.connection import Connection
from core.web.seldom import MALFORMED
from core.web.serve import HttpServer, _prepare


async def app(scope: object, receive: object, send: object) -> None:
    """Never called."""


def test_the_methods_we_extend_exist_with_these_parameters() -> None:
    """uvicorn is pinned to 0.54; a change of these names must show here and not in traffic."""
    expected = {
        "__init__": ["self", "config", "server_state", "app_state", "_loop"],
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "on_message_begin": ["self"],
        "on_header": ["self", "name", "value"],
        "on_headers_complete": ["self"],
        "on_message_complete": ["self"],
        "send_400_response": ["self", "msg"],
        "_unsupported_upgrade_warning": ["self"],
        "pause_writing": ["self"],
        "resume_writing": ["self"],
        "shutdown": ["self"],
    }
    for name, parameters in expected.items():
        found = list(inspect.signature(getattr(HttpToolsProtocol, name)).parameters)
        assert found == parameters, name


def test_nothing_of_ours_overrides_by_accident() -> None:
    """A method of uvicorn with the name of one of ours would be replaced unnoticed."""
    deliberate = {
        "__init__", "__doc__", "__module__", "connection_made", "connection_lost",
        "data_received", "on_message_begin", "on_header", "on_headers_complete",
        "on_message_complete", "send_400_response", "_unsupported_upgrade_warning",
        "pause_writing", "resume_writing",
    }  # fmt: skip
    ours = {name for name in vars(Connection) if not name.startswith("__") or name in deliberate}
    assert ours & set(dir(HttpToolsProtocol)) <= deliberate


async def test_the_attributes_we_read_exist() -> None:
    """On a connection, on a request's cycle, and on the state all connections share."""
    config, state = _prepare(app)
    connection = Connection(config, state, lambda: None)
    for name in ("parser", "transport", "headers", "scope", "cycle", "connections", "loop"):
        assert hasattr(connection, name), name
    assert state.connections == set()
    assert state.tasks == set()
    assert state.default_headers == []
    cycle = inspect.signature(RequestResponseCycle.__init__).parameters
    assert "default_headers" in cycle
    assert "self.default_headers + list" in inspect.getsource(RequestResponseCycle.send)
    assert "response_complete" in inspect.getsource(RequestResponseCycle.__init__)
    assert "response_started" in inspect.getsource(RequestResponseCycle.__init__)
    assert "read_paused" in inspect.getsource(FlowControl.__init__)
    assert not connection.pipeline
    assert MALFORMED in inspect.getsource(HttpToolsProtocol.data_received)
    assert isinstance(state, ServerState)


async def test_the_configuration_took_effect() -> None:
    """No forwarded headers believed, no WebSockets, no lifespan, nothing said about ourselves."""
    config, _ = _prepare(app)
    assert config.loaded
    assert config.loaded_app is app
    assert config.ws_protocol_class is None
    assert config.encoded_headers == []
    assert config.timeout_keep_alive == 75


async def test_a_server_never_started_stops() -> None:
    """A start that failed half-way is cleaned up by the same call."""
    await HttpServer(app).stop(0.1)
