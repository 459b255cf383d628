"""What log lines do not repeat: the secret tokens that links of e-mails carry in their path."""

from __future__ import annotations

import logging
import re

#: Tokens have forty characters and more; no path of ours has a segment as long without one.
_TOKEN_SEGMENT = re.compile(r"(?<=/)[A-Za-z0-9_:.~%-]{32,}")


def mask_tokens(text: str) -> str:
    """Return the text with the path segments masked that are as long as tokens."""
    return _TOKEN_SEGMENT.sub("[…]", text)


class TokenFilter(logging.Filter):
    """Replaces path segments that are as long as tokens. For loggers whose records have paths as arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record's arguments; let every record pass."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                mask_tokens(argument) if isinstance(argument, str) else argument for argument in record.args
            )
        return True
