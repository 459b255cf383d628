"""The names of the letters about accounts, in the outbox."""

from __future__ import annotations

CONFIRM = "account.confirm"
#: To the address that an account moves to, and to the one that it leaves: when it is asked, and when it is done.
CONFIRM_NEW = "account.confirm_new"
ADDRESS_ASKED = "account.address_asked"
ADDRESS_CHANGED = "account.address_changed"
CREATED = "account.created"
RESET = "account.reset"
PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - the name of a letter
SECOND_FACTOR_ON = "account.second_factor_on"
SECOND_FACTOR_OFF = "account.second_factor_off"
RECOVERY_CODES = "account.recovery_codes"
