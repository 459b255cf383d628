"""Every method of every API route, from the URL configuration."""

from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, get_resolver, reverse

from api.models import TokenScope
from api.views import NotFoundView
from api.viewsets import ApiViewSet
from tests.access import routes

WRITES = ("POST", "PUT", "PATCH", "DELETE")
VERBS = ("GET", *WRITES)


@dataclass(frozen=True)
class ApiRoute:
    """One method of one route."""

    name: str
    method: str
    scope: TokenScope
    arguments: frozenset[str]
    view: type[ApiViewSet]
    handler: Any

    def __str__(self):
        return f"{self.method} {self.name}"

    def path(self, kwargs=None):
        """Return the path under `/api/v1`; without `kwargs`, with arbitrary arguments."""
        given = kwargs or {name: 1 if name in ("pk", "number", "row") else "0300001A" for name in self.arguments}
        return reverse(self.name, urlconf=routes.OFFICE, kwargs=given).removeprefix("/api/v1")


def _iter_routes():
    callbacks = {
        f"api:{pattern.name}": pattern.callback
        for pattern in get_resolver("config.urls_api").url_patterns
        if isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls")
    }
    for name, route in routes.list_named_routes(routes.OFFICE):
        callback = callbacks.get(name)
        if callback is None or callback.cls is NotFoundView:
            continue
        for method in VERBS:
            if action := vars(callback)["actions"].get(method.lower()):
                scope = callback.cls.read_scope if method == "GET" else callback.cls.write_scope
                yield ApiRoute(name, method, scope, route.arguments, callback.cls, getattr(callback.cls, action))


API_ROUTES = list(_iter_routes())
