"""The names of the letters about accounts, in the outbox."""

from __future__ import annotations

CONFIRM = "account.confirm"
RESET = "account.reset"
PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - the name of a letter
