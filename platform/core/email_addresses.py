"""Fast check for ordinary e-mail addresses, ahead of Django's full validation. Pure."""

from __future__ import annotations

import re

# A total of 60 characters keeps the local part and each label within their limits. Possessive quantifiers: linear time,
# no backtracking.
_MAX_LENGTH = 60
ORDINARY_ADDRESS = re.compile(
    r"[A-Za-z0-9]++(?:[._-][A-Za-z0-9]++)*+@(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)++[A-Za-z]{2,24}"
)
_matches = ORDINARY_ADDRESS.fullmatch


def is_ordinary_address(text: str) -> bool:
    """Whether a text is certainly a valid address. If not, it may still be valid: validate it fully."""
    return len(text) <= _MAX_LENGTH and _matches(text) is not None
