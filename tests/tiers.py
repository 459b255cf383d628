"""What of a long list of cases is tried in `make test`; `make test-all` tries each."""

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[Any], *, fast: int = 8) -> list[Any]:
    """Return the cases for `parametrize`: some marked small, which are spread over the list, the others slow.

    For a rule that is tried at every page or address by the same steps: which of them are tried first says little.
    """
    cases = list(cases)
    kept = {round(place * (len(cases) - 1) / max(fast - 1, 1)) for place in range(fast)}
    return [_mark(case, "small" if place in kept else "slow") for place, case in enumerate(cases)]


def _mark(case: Any, tier: str) -> Any:
    mark = getattr(pytest.mark, tier)
    if isinstance(case, type(pytest.param())):
        return pytest.param(*case.values, marks=[*case.marks, mark], id=case.id)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark)
