"""The type of a request whose user is signed in: what views under `web.access.signed_in` receive."""

from __future__ import annotations

from accounts.models import User
from web.requests import HtmxRequest


class AuthenticatedRequest(HtmxRequest):
    """A request of a signed-in user."""

    user: User
