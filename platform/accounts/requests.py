"""The type of a request whose user is signed in: what views under `web.access.signed_in` receive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.requests import HtmxRequest

if TYPE_CHECKING:
    from accounts.models import User


class AuthenticatedRequest(HtmxRequest):
    """A request of a signed-in user."""

    user: User
