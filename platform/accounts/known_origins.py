"""Where requests come from: the client's address, the browser's name, and the devices and networks known of a user.

A browser keeps one random token in a signed cookie. A row holds a keyed hash of the token and the account: it names
neither, and cannot be compared with the row of another account. For attempts at a password it means nothing after a new
password, of which it holds a keyed hash as well.
"""

import datetime
import ipaddress
import logging
import secrets
from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.db import connection, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import throttling
from accounts.models import KnownOrigin

# The browser of a request in plain words, for its owner to recognise it: « Firefox sur Windows ».
#
# By the few names that browsers give themselves. A browser may claim to be any other: nothing is decided by it.

#: The first that the header has. Most browsers name those whose pages they also open: the most particular come first.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)
UNKNOWN_BROWSER = "Navigateur inconnu"


def describe_browser(request: HttpRequest) -> str:
    """Return the browser and the system that the request's header names."""
    header = request.META.get("HTTP_USER_AGENT", "")
    browser = next((label for mark, label in _BROWSERS if mark in header), UNKNOWN_BROWSER)
    system = next((label for mark, label in _SYSTEMS if mark in header), "")
    return f"{browser} sur {system}" if system else browser


logger = logging.getLogger(__name__)


def get_client_ip(request: HttpRequest) -> str:
    """Return the client's IP address, as the outermost of our own proxies saw it.

    Each proxy appends to `X-Forwarded-For` the address it was called from: with `TRUSTED_PROXIES = n`, the n-th from
    the right was written by our outermost proxy, and entries to its left may be forged. A request with fewer entries,
    or with an invalid one, falls back to the connection's address.
    """
    remote_address = str(request.META.get("REMOTE_ADDR") or "")
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = remote_address
    if proxies:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= proxies:
            forwarded = hops[-proxies]
        elif hops != [""]:
            _warn_of_missing_proxies()
    for address in (forwarded, remote_address):
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            continue
    return "0.0.0.0"  # noqa: S104 - a Unix socket has no address; all such requests count as one


@cache
def _warn_of_missing_proxies() -> None:
    """Say, once a process, that fewer proxies stand there than the settings declare."""
    logger.warning(
        "A request came through fewer proxies than TRUSTED_PROXIES (%s) says: set it to how many there are, or visitors"
        " choose the address by which their attempts are counted.",
        settings.TRUSTED_PROXIES,
    )


COOKIE_NAME = "__Host-device" if settings.SECURE else "device"
#: How long a device, and a network, is known after the last sign-in from it.
MAX_AGE = {
    KnownOrigin.Kind.DEVICE: datetime.timedelta(days=180),
    KnownOrigin.Kind.NETWORK: datetime.timedelta(days=30),
}
#: How many are known of one account, or class: the latest. Its school, and where its thirty pupils live.
MAX_ORIGINS = {KnownOrigin.Kind.DEVICE: 10, KnownOrigin.Kind.NETWORK: 40}
_SALT = "accounts.device"
_DEVICE = KnownOrigin.Kind.DEVICE
_TABLE = "public.accounts_knownorigin"
#: `seen_at` is written once a day at most.
_TOUCH_INTERVAL = datetime.timedelta(days=1)


class Owner(NamedTuple):
    """Whose origins: the key of an account or a class, and what changes with its password."""

    key: str
    version: str = ""


#: Of a name that no account has: nothing is known, and looking it up takes as long.
NOBODY = Owner("nobody")


class Origin(NamedTuple):
    """Where a request comes from: the network, and the token of the browser's cookie, if any."""

    network: str
    device: str = ""


def read_origin(request: HttpRequest) -> Origin:
    """Return the origin of a request. A cookie that was not signed here counts as none."""
    network = throttling.get_network(get_client_ip(request))
    try:
        device = signing.get_cookie_signer(salt=_SALT).unsign(request.COOKIES.get(COOKIE_NAME, ""))
    except signing.BadSignature:
        return Origin(network)
    return Origin(network, device)


def find_known(
    origin: Origin, *, device_of: Owner, network_of: Owner, by_second_factor: bool = False
) -> set[KnownOrigin.Kind]:
    """Return which parts of the origin are known, of which owner. One query.

    `by_second_factor`: those that have passed the second factor, under whatever password.
    """
    now = timezone.now()
    conditions = Q()
    for kind, owner, digest in _list_parts(origin, device_of, network_of):
        proof = Q(by_second_factor=True) if by_second_factor else Q(version=owner.version)
        conditions |= proof & Q(owner=owner.key, digest=digest, kind=kind, seen_at__gt=now - MAX_AGE[kind])
    return {KnownOrigin.Kind(kind) for kind in KnownOrigin.objects.filter(conditions).values_list("kind", flat=True)}


@transaction.atomic
def remember(
    origin: Origin, *, device_of: Owner, network_of: Owner, by_second_factor: bool = False, browser: str = ""
) -> Origin:
    """Remember the origin of a sign-in; return it with the device's token, a new one where there was none.

    `by_second_factor`: whether the second factor was passed; `browser`: the device's, as its owner reads it.
    """
    if not origin.device:
        origin = origin._replace(device=secrets.token_urlsafe(24))
    now = timezone.now()
    # One order for all, so that concurrent sign-ins cannot deadlock.
    rows = sorted(
        (owner.key, str(kind), digest, now, owner.version, by_second_factor, browser if kind == _DEVICE else "")
        for kind, owner, digest in _list_parts(origin, device_of, network_of)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {_TABLE} AS known (owner, kind, digest, seen_at, version, by_second_factor, browser)
            VALUES {", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(rows))}
            ON CONFLICT (owner, digest) DO UPDATE SET
                seen_at = excluded.seen_at, version = excluded.version, browser = excluded.browser,
                by_second_factor = known.by_second_factor OR excluded.by_second_factor
            WHERE known.seen_at < %s
                OR (known.version, known.browser) <> (excluded.version, excluded.browser)
                OR excluded.by_second_factor AND NOT known.by_second_factor
            RETURNING owner, kind, xmax = 0
            """,  # noqa: S608 - the table's name and placeholders
            [*(value for row in rows for value in row), now - _TOUCH_INTERVAL],
        )
        added = [(owner, KnownOrigin.Kind(kind)) for owner, kind, is_new in cursor.fetchall() if is_new]
    for owner, kind in added:
        others = KnownOrigin.objects.filter(owner=owner, kind=kind).order_by("-seen_at", "-pk")
        surplus = others.select_for_update(skip_locked=True).values_list("pk", flat=True)[MAX_ORIGINS[kind] :]
        KnownOrigin.objects.filter(pk__in=list(surplus)).delete()
    return origin


def set_cookie(response: HttpResponse, device: str) -> None:
    """Give the browser the token of its device."""
    response.set_cookie(
        COOKIE_NAME,
        signing.get_cookie_signer(salt=_SALT).sign(device),
        max_age=MAX_AGE[KnownOrigin.Kind.DEVICE],
        secure=settings.SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(owners: Collection[str]) -> None:
    """Forget all origins of the owners with these keys."""
    KnownOrigin.objects.filter(owner__in=owners).delete()


@transaction.atomic
def prune() -> int:
    """Delete the origins that are too old to be known; return how many."""
    now = timezone.now()
    old = Q()
    for kind, age in MAX_AGE.items():
        old |= Q(kind=kind, seen_at__lt=now - age)
    # Skips those of a sign-in at this moment, which may wait for others of them.
    unlocked = KnownOrigin.objects.filter(old).select_for_update(skip_locked=True)
    deleted, _ = KnownOrigin.objects.filter(pk__in=unlocked.values("pk")).delete()
    return deleted


def compute_digest(kind: KnownOrigin.Kind, value: str, owner: Owner) -> str:
    """Return the digest of a device's token, or of a network, in the rows of an owner."""
    # The line at the end is where versions stood: origins of classes, which have none, stay known.
    return salted_hmac(_SALT, f"{kind}\n{value}\n{owner.key}\n", algorithm="sha256").hexdigest()


def _list_parts(origin: Origin, device_of: Owner, network_of: Owner) -> Iterable[tuple[KnownOrigin.Kind, Owner, str]]:
    for kind, value, owner in (
        (KnownOrigin.Kind.DEVICE, origin.device, device_of),
        (KnownOrigin.Kind.NETWORK, origin.network, network_of),
    ):
        yield kind, owner, compute_digest(kind, value, owner)
