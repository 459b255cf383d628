"""Exceptions of bank statements. Their messages are written where they are raised."""

from __future__ import annotations

from core.exceptions import DomainError


class UnreadableStatement(DomainError):
    """The file is no bank statement that can be read, or its balances do not add up. Nothing was stored."""

    code = "unreadable_statement"
