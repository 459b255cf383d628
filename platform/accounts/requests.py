"""The type of a request whose user is signed in: what views under `web.access.signed_in` receive."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class HtmxRequest(HttpRequest):
    """A request that passed `HtmxMiddleware`, as all do."""

    htmx: HtmxDetails


class AuthenticatedRequest(HtmxRequest):
    """A request of a signed-in user."""

    user: User
