"""Figures for Prometheus: who may read them, and as what text. Each app defines its own, in its `metrics.py`.

A label never holds an office, a person, an address or a path: its values are those of the code. Web processes share a
folder, `PROMETHEUS_MULTIPROC_DIR`, where whichever of them is asked finds what all have counted. A worker is one
process and needs none.
"""

from __future__ import annotations

import os

from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, Counter, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SCHEME = "Bearer "
# A second series for each counter, which says when it began.
disable_created_metrics()


def is_open() -> bool:
    """Whether the operator has opened the figures, by a token."""
    return bool(settings.METRICS_TOKEN)


def may_read(authorization: str) -> bool:
    """Whether an `Authorization` header holds the token."""
    return holds_token(authorization, settings.METRICS_TOKEN)


def holds_token(authorization: str, expected: str) -> bool:
    """Whether an `Authorization` header holds a token; never where none is expected."""
    token = authorization.removeprefix(_SCHEME)
    return bool(expected) and token != authorization and constant_time_compare(token, expected)


def is_shared() -> bool:
    """Whether the processes of this service count in a common folder."""
    return bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))


def render_metrics(*collectors: Collector) -> bytes:
    """Return what this process, or all that share its folder, have counted, and what the collectors find now."""
    registry = CollectorRegistry()
    if is_shared():
        MultiProcessCollector(registry)
    for collector in collectors:
        registry.register(collector)
    return (b"" if is_shared() else generate_latest(REGISTRY)) + generate_latest(registry)


def count_on_commit(counter: Counter, amount: float = 1) -> None:
    """Raise a counter once the current transaction is committed; at once outside of one."""
    transaction.on_commit(lambda: counter.inc(amount))
