"""Every method of every API route, from the URL configuration."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import URLPattern, get_resolver, reverse

from api.models import TokenScope
from api.views import NotFoundView, ScopedView
from tests.access import routes


@dataclass(frozen=True)
class ApiRoute:
    """One method of one route."""

    name: str
    method: str
    scope: TokenScope
    arguments: frozenset[str]
    view: type[ScopedView]

    def __str__(self):
        return f"{self.method} {self.name}"

    def path(self, kwargs=None):
        """Return the path under `/api/v1`; without `kwargs`, with arbitrary arguments."""
        given = kwargs or {name: 1 if name in ("pk", "number", "row") else "0300001A" for name in self.arguments}
        return reverse(self.name, urlconf=routes.OFFICE, kwargs=given).removeprefix("/api/v1")


def _iter_routes():
    classes = {
        f"api:{pattern.name}": pattern.callback.cls
        for pattern in get_resolver("config.urls_api").url_patterns
        if isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls")
    }
    for name, route in routes.list_named_routes(routes.OFFICE):
        view = classes.get(name)
        if view is not None and issubclass(view, ScopedView) and view is not NotFoundView:
            for method, scope in view.scopes.items():
                yield ApiRoute(name, method, scope, route.arguments, view)


API_ROUTES = list(_iter_routes())
