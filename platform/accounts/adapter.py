"""What allauth asks of us: its mail goes to the outbox."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Allauth's hooks, as this house has them."""
