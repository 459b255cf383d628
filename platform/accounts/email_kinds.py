"""Kinds of e-mail about accounts, as stored in the outbox."""

from __future__ import annotations

CONFIRM = "account.confirm"
# Change of address: to the new address, then to the former one on request and on completion.
CONFIRM_NEW_ADDRESS = "account.confirm_new"
ADDRESS_CHANGE_REQUESTED = "account.address_change_requested"
ADDRESS_CHANGED = "account.address_changed"
CREATED = "account.created"
RESET = "account.reset"
PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - a kind of e-mail
SECOND_FACTOR_ON = "account.second_factor_on"
SECOND_FACTOR_OFF = "account.second_factor_off"
RECOVERY_CODES = "account.recovery_codes"
TOTP_REMOVED = "account.totp_removed"
PASSKEY_ADDED = "account.passkey_added"
PASSKEY_REMOVED = "account.passkey_removed"
CODES_TRIED = "account.codes_tried"
