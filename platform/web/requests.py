"""The type of a request of ours: Django's, with the attribute of the htmx middleware."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request that passed `HtmxMiddleware`, as all do."""

    htmx: HtmxDetails
