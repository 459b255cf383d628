"""The registry of measures, from every module of the package."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol

import bench

if TYPE_CHECKING:
    from collections.abc import Callable


class MeasureResult(Protocol):
    """The result of a measure: figures, text, and missed targets."""

    def figures(self) -> dict[str, Any]:
        """Return everything; `name` is among it."""

    def line(self) -> str:
        """Return the figures as text, in one or a few lines."""

    def failures(self) -> list[str]:
        """Return a sentence for each missed target."""


_measures: dict[str, Callable[[], MeasureResult]] = {}


def measure[Result: MeasureResult](name: str) -> Callable[[Callable[[], Result]], Callable[[], Result]]:
    """Register a function under `name`. It runs with a scratch database connected and returns its result."""

    def register(function: Callable[[], Result]) -> Callable[[], Result]:
        _measures[name] = function
        return function

    return register


def all_measures() -> dict[str, Callable[[], MeasureResult]]:
    """Return every measure, by name. Django must be set up: the modules import models."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"bench.{module.name}")
    return dict(sorted(_measures.items()))
