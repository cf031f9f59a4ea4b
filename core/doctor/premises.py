"""What the doctor is told before the examination begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.config.schema import Overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Where things are, and what is set over the config file."""

    version: str
    config_file: Path
    data_dir: Path
    log_dir: Path
    overrides: Overrides
    environ: Mapping[str, str] = field(repr=False)
