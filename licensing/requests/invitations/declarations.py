# ruff: noqa: F401 - imports of modules that register what they hold
"""What invitations declare: their e-mails, and that an assignment ends those that it makes useless."""

from licensing.entitlements.seat_holders import seat_listeners
from licensing.requests.invitations import emails
from licensing.requests.invitations.operations import end_fulfilled

seat_listeners.declare("invitations", end_fulfilled)
