"""The measures by name, found in every module of the package."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol

import bench

if TYPE_CHECKING:
    from collections.abc import Callable


class Measured(Protocol):
    """What a measure gives: its figures for a program and for a reader, and what it does not reach."""

    def figures(self) -> dict[str, Any]:
        """Return everything; `name` is among it."""

    def line(self) -> str:
        """Return what a reader wants to see, a line or a few."""

    def failures(self) -> list[str]:
        """Return a sentence for each thing that must be reached and is not."""


_measures: dict[str, Callable[[], Measured]] = {}


def measure[Result: Measured](name: str) -> Callable[[Callable[[], Result]], Callable[[], Result]]:
    """Enter a function under `name`. It runs with a scratch database connected, and returns what it measured."""

    def enter(function: Callable[[], Result]) -> Callable[[], Result]:
        _measures[name] = function
        return function

    return enter


def all_measures() -> dict[str, Callable[[], Measured]]:
    """Return every measure, by name. Django must be set up: the modules import models."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"bench.{module.name}")
    return dict(sorted(_measures.items()))
