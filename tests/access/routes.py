"""Every route of both URL configurations, with its access policy."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLResolver, get_resolver, reverse

from web.access import get_policy

PORTAL, OFFICE = "config.urls_public", "config.urls_tenant"


@dataclass(frozen=True)
class Route:
    """One route: its name, pattern, arguments and policy. `label` is None where it has no policy."""

    name: str
    route: str
    arguments: frozenset[str]
    label: str | None
    roles: frozenset[str]


def list_routes(urlconf: str) -> list[Route]:
    """Return every route of the configuration but the admin's, which `test_admin` covers."""
    return list(_walk(get_resolver(urlconf)))


def _walk(resolver: URLResolver, namespace: str = "", prefix: str = "", arguments: frozenset[str] = frozenset()):
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        all_arguments = arguments | set(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from _walk(pattern, inner, route, all_arguments)
            continue
        policy = get_policy(pattern.callback)
        yield Route(
            name=namespace + (pattern.name or f"<{route}>"),
            route=route,
            arguments=all_arguments,
            label=policy.label if policy else None,
            roles=frozenset(getattr(policy, "roles", ())),
        )


def list_named_routes(urlconf: str) -> Iterator[tuple[str, Route]]:
    """Return (name, route) pairs."""
    return ((route.name, route) for route in list_routes(urlconf))


OFFICE_ROUTES = [route for route in list_routes(OFFICE) if (route.label or "").startswith("office")]


def build_url(route, kwargs=None, urlconf=OFFICE):
    return reverse(route.name, urlconf=urlconf, kwargs=kwargs or None)
