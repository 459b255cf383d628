"""What the figures of this process rise by."""

import contextlib
from collections.abc import Iterator

from django.test import TestCase
from prometheus_client import REGISTRY


@contextlib.contextmanager
def raised_figures() -> Iterator[dict[str, float]]:
    """Yield what will hold, by sample (« peps_messages_total sent »), what the block and its commits raised it by.

    In a test whose transaction is rolled back: what waits for the commit is run at the end of the block.
    """
    before = _read()
    raised: dict[str, float] = {}
    with TestCase.captureOnCommitCallbacks(execute=True):
        yield raised
    raised |= {name: value - before.get(name, 0) for name, value in _read().items() if value != before.get(name, 0)}


def _read() -> dict[str, float]:
    samples = [one for family in REGISTRY.collect() for one in family.samples if one.name.startswith("peps_")]
    return {
        " ".join([one.name, *one.labels.values()]): one.value
        for one in samples
        if not one.name.endswith(("_sum", "_bucket"))
    }
