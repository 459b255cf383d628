"""What of a long list of cases is tried in `make test`; `make test-all` tries each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence


def sampled(cases: Sequence[Any], *, fast: int = 8) -> list[Any]:
    """Return the cases for `parametrize`, marked slow but for some, which are spread over the list.

    For a rule that is tried at every page or address by the same steps: which of them are tried first says little.
    """
    kept = {round(place * (len(cases) - 1) / (fast - 1)) for place in range(fast)}
    return [
        case if place in kept else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for place, case in enumerate(cases)
    ]
