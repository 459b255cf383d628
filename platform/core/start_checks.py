"""What a server that real people use must have: checked at the start, and by `manage.py check --deploy`.

Every fault is listed at once, without any secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from core.sealing_keys import parse_sealing_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The secrets of demonstrations and tests, which anybody can read here.
PUBLIC_SECRET_KEY = "only-for-demonstration-and-tests"  # noqa: S105 - published on purpose
_PUBLIC_PREFIXES = (PUBLIC_SECRET_KEY, "django-insecure-")
MIN_SECRET_LENGTH = 50
#: As Django's own check.
_MIN_DISTINCT_CHARACTERS = 5
_CHECKED_SETTINGS = (
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "SEALING_KEYS", "PUBLIC_SEALING_KEY", "BASE_DOMAIN", "DEBUG", "SECURE",
    "BEHIND_TLS_PROXY", "TRUSTED_PROXIES",
)  # fmt: skip
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")


class Fault(NamedTuple):
    """A setting that is missing or wrong; `id`: of the check."""

    id: str
    sentence: str


def is_local_name(domain: str) -> bool:
    """Return whether a domain is a name of this machine alone."""
    return domain == "localhost" or domain.endswith(".localhost")


def is_domain(name: str) -> bool:
    """Return whether a name is a whole domain in small letters, with a dot at least."""
    return _DOMAIN.fullmatch(name) is not None


def list_faults(values: Mapping[str, Any]) -> list[Fault]:
    """Return what a server must not start with. `values`: the settings by name."""
    return [
        *_list_secret_faults(values),
        *_list_host_faults(values),
        *_list_proxy_faults(values),
    ]


def refuse_to_start(faults: list[Fault]) -> None:
    """Raise `ImproperlyConfigured` with every fault, if there is any."""
    if faults:
        sentences = "\n".join(f"- {fault.sentence}" for fault in faults)
        raise ImproperlyConfigured(f"PRODUCTION is True, but (see docs/deploy.md):\n{sentences}")


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Any, **_kwargs: Any) -> list[Error]:  # noqa: ARG001 - Django's signature
    """Return the faults of these settings, for `manage.py check --deploy`."""
    values = {name: getattr(settings, name) for name in _CHECKED_SETTINGS}
    faults = list_faults(values)
    if not settings.PRODUCTION:
        faults.insert(0, Fault("peps.E000", "PRODUCTION must be True on a server that real people use."))
    return [Error(fault.sentence, id=fault.id) for fault in faults]


def _list_secret_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    if not values["SECRET_KEY"] or values["SECRET_KEY"] == PUBLIC_SECRET_KEY:
        yield Fault("peps.E001", "SECRET_KEY must be set to a random text of your own.")
    elif reason := _find_weakness(values["SECRET_KEY"]):
        yield Fault("peps.E001", f"SECRET_KEY {reason}.")
    for number, secret in enumerate(values["SECRET_KEY_FALLBACKS"], start=1):
        if reason := _find_weakness(secret):
            yield Fault("peps.E002", f"SECRET_KEY_FALLBACKS: entry {number} {reason}.")
    if not values["SEALING_KEYS"] or values["PUBLIC_SEALING_KEY"] in values["SEALING_KEYS"]:
        yield Fault("peps.E003", "SEALING_KEYS must be set to random keys of your own.")
        return
    try:
        parse_sealing_keys(tuple(values["SEALING_KEYS"]))
    except ImproperlyConfigured as error:
        yield Fault("peps.E003", str(error))


def _find_weakness(secret: str) -> str:
    """Return what is wrong with a secret, or an empty text."""
    if secret.startswith(_PUBLIC_PREFIXES):
        return "is a published value"
    if len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < _MIN_DISTINCT_CHARACTERS:
        return f"must have {MIN_SECRET_LENGTH} characters at least, drawn at random"
    return ""


def _list_host_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    domain = values["BASE_DOMAIN"]
    if not is_domain(domain):
        yield Fault("peps.E004", f"BASE_DOMAIN must be a whole name in small letters: peps.example, not {domain!r}.")
    if values["DEBUG"]:
        yield Fault("peps.E005", "DEBUG must be False: its error pages show settings and data to anybody.")


def _list_proxy_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    if not values["SECURE"]:
        yield Fault("peps.E006", "SECURE must be True: sessions would travel in the clear.")
    if values["BEHIND_TLS_PROXY"] and not values["TRUSTED_PROXIES"]:
        yield Fault(
            "peps.E007",
            "TRUSTED_PROXIES must be 1 or more where BEHIND_TLS_PROXY is True: all visitors would count as one.",
        )
