"""Which of the program's loggers say how much; changeable while it runs.

The config file's level holds for all of our loggers. What a person sets while the program runs
holds until the file's level changes or the program ends, so nothing chatty is left behind.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
OURS = ("core", "tray_app")
"""Our loggers follow the configured level; libraries speak from warning upwards."""


class UnknownLogger(ValueError):
    """Nothing in the program logs under that name."""


class Levels:
    """The level of the config file, and what was set over it."""

    def __init__(self, configured: str) -> None:
        self._configured = configured
        self._set: dict[str, str] = {}

    @property
    def configured(self) -> str:
        """What the config file, or a flag over it, says."""
        return self._configured

    @property
    def changed(self) -> Mapping[str, str]:
        """What was set while the program ran, by logger."""
        return dict(self._set)

    def configure(self, level: str) -> None:
        """Follow the config file. Raises KeyError for a level not in ``LEVELS``."""
        if level != self._configured:
            self._configured = level
            self._forget()
        self._apply()

    def change(self, level: str | None, name: str | None) -> None:
        """Set a level for one logger and all below it, or for all of ours; None takes it back.

        Raises KeyError for a level not in ``LEVELS``, UnknownLogger.
        """
        if level is not None:
            _ = LEVELS[level]
        if name is None:
            self._forget()
            names: tuple[str, ...] = OURS
        else:
            if not _is_known(name):
                raise UnknownLogger(name)
            names = (name,)
        for each in names:
            if level is not None:
                self._set[each] = level
            elif self._set.pop(each, None) is not None:
                logging.getLogger(each).setLevel(logging.NOTSET)
        self._apply()

    def close(self) -> None:
        self._forget()
        for name in OURS:
            logging.getLogger(name).setLevel(logging.NOTSET)

    def _apply(self) -> None:
        for name, level in {**dict.fromkeys(OURS, self._configured), **self._set}.items():
            logging.getLogger(name).setLevel(LEVELS[level])

    def _forget(self) -> None:
        for name in self._set:
            logging.getLogger(name).setLevel(logging.NOTSET)
        self._set.clear()


def _is_known(name: str) -> bool:
    """Whether anything could log under it; ``getLogger`` would make any that is asked for."""
    return name in sys.modules or name in logging.root.manager.loggerDict
