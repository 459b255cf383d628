"""The registry of measures, from every module of the package."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Protocol

import bench


class Unmeasurable(Exception):
    """What a measure needs is not on this machine; the message says what, and how to get it."""


class MeasureResult(Protocol):
    """The result of a measure: figures, text, and missed targets."""

    def figures(self) -> dict[str, Any]:
        """Return everything; `name` is among it."""

    def line(self) -> str:
        """Return the figures as text, in one or a few lines."""

    def failures(self) -> list[str]:
        """Return a sentence for each missed target."""


_measures: dict[str, Callable[[], MeasureResult]] = {}
_with_own_server: set[str] = set()


def measure[Result: MeasureResult](
    name: str, *, own_server: bool = False
) -> Callable[[Callable[[], Result]], Callable[[], Result]]:
    """Register a function under `name`. It runs with a scratch database connected and returns its result.

    `own_server`: it connects a database of its own, on a server that it may kill.
    """

    def register(function: Callable[[], Result]) -> Callable[[], Result]:
        _measures[name] = function
        if own_server:
            _with_own_server.add(name)
        return function

    return register


def has_own_server(name: str) -> bool:
    """Whether the measure connects a database by itself."""
    return name in _with_own_server


def all_measures() -> dict[str, Callable[[], MeasureResult]]:
    """Return every measure, by name. Django must be set up: the modules import models."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"bench.{module.name}")
    return dict(sorted(_measures.items()))
