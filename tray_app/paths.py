"""Where the program's files are: flags first, then the environment, then the platform's places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP = "mcpproxy"
CONFIG_VARIABLE = "MCPPROXY_CONFIG"
DATA_VARIABLE = "MCPPROXY_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths; none of them need exist yet."""

    config_file: Path
    data_dir: Path
    log_dir: Path

    @property
    def socket_file(self) -> Path:
        return self.data_dir / "mcpproxy.sock"

    @property
    def owner_file(self) -> Path:
        return self.data_dir / "owner"

    @property
    def lock_file(self) -> Path:
        return self.data_dir / "mcpproxy.lock"


def paths(config: str | None, data_dir: str | None, environ: Mapping[str, str]) -> Paths:
    """The paths to use. With a data directory of its own, an instance logs in there too."""
    import platformdirs

    config = config or environ.get(CONFIG_VARIABLE)
    data_dir = data_dir or environ.get(DATA_VARIABLE)
    if config:
        config_file = Path(config).expanduser().absolute()
    else:
        config_file = platformdirs.user_config_path(APP, appauthor=False) / "mcp_config.json"
    if data_dir:
        data = Path(data_dir).expanduser().absolute()
        return Paths(config_file, data, data / "logs")
    return Paths(
        config_file,
        platformdirs.user_data_path(APP, appauthor=False),
        platformdirs.user_log_path(APP, appauthor=False),
    )
