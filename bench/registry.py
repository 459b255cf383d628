"""The measures by name, found in every module of the package."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measure import Measure

_measures: dict[str, Callable[[], Measure]] = {}


def measure(name: str) -> Callable[[Callable[[], Measure]], Callable[[], Measure]]:
    """Enter a function under `name`. It runs with a scratch database connected, and returns what it measured."""

    def enter(function: Callable[[], Measure]) -> Callable[[], Measure]:
        _measures[name] = function
        return function

    return enter


def all_measures() -> dict[str, Callable[[], Measure]]:
    """Return every measure, by name. Django must be set up: the modules import models."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"bench.{module.name}")
    return dict(sorted(_measures.items()))
