"""Services of others: invoice platforms, card payments, the directory of schools, lists of leaked passwords."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import env
from core.leaked_passwords import UnusableFile, check_file
from licensing.books.billing.transmission.accounts import ApprovedPlatformAccount, ChorusProAccount


def read_leaks_file() -> Path | None:
    """Return the file of hashes, None without one. Raises `ImproperlyConfigured` where it is no sorted list of them."""
    name = env.text("PASSWORD_LEAKS_FILE", "")
    if not name:
        return None
    try:
        check_file(Path(name))
    except UnusableFile as error:
        raise ImproperlyConfigured(f"PASSWORD_LEAKS_FILE, {name}: {error}. See docs/deploy.md.") from None
    return Path(name)


#: As `DirectorySync.url`.
_MAX_URL_LENGTH = 500


def _read_url(name: str, is_fit: Callable[[str, SplitResult], bool], wanted: str, *, is_production: bool) -> str:
    """Return the URL of a variable, empty where it is not set. Raises `ImproperlyConfigured`: what is `wanted`."""
    url = env.text(name, "")
    schemes = ("https",) if is_production else ("https", "http")
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in schemes and bool(parts.hostname) and not parts.fragment and is_fit(url, parts)
    except ValueError:
        is_right = False
    if url and not is_right:
        raise ImproperlyConfigured(f"{name} must be a whole URL in {' or '.join(schemes)}{wanted}")
    return url


def read_leaks_url(*, is_production: bool) -> str:
    """Return the address of the service's ranges, empty for none. Raises `ImproperlyConfigured`."""
    return _read_url(
        "PASSWORD_LEAKS_URL",
        lambda _, parts: not parts.query and parts.path.endswith("/"),
        " that ends with « / », such as https://api.pwnedpasswords.com/range/.",
        is_production=is_production,
    )


def read_directory_url(*, is_production: bool) -> str:
    """Return the URL of the file, empty where it is loaded by hand. Raises `ImproperlyConfigured`."""
    return _read_url(
        "DIRECTORY_URL",
        lambda url, parts: parts.port != 0 and parts.username is None and len(url) <= _MAX_URL_LENGTH,
        f", of {_MAX_URL_LENGTH} characters at most, without a user and a « # ».",
        is_production=is_production,
    )


#: django-payments' form: the provider's class and its arguments. Without arguments, which would show in tracebacks:
#: the classes read the settings.
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "stripe": ("licensing.payments.stripe_checkout.StripeCheckout", {}),
    "demonstration": ("licensing.payments.card_providers.DemoProvider", {}),
}


def choose_variant(*, has_stripe: bool, is_production: bool) -> str:
    """Return the provider of new payments; empty where no cards are accepted."""
    if has_stripe:
        return "stripe"
    return "" if is_production else "demonstration"


def list_variants(chosen: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the providers that payments can be asked of: the chosen one, if any."""
    return {chosen: _PROVIDERS[chosen]} if chosen else {}


#: Route of an invoice → the class that sends it.
_CLASSES = {
    "chorus_pro": "licensing.books.billing.transmission.chorus_pro.ChorusPro",
    "platform": "licensing.books.billing.transmission.approved_platform.ApprovedPlatform",
}
# Of the number that the administration gives an approved platform.
_NUMBER_LENGTH = 4


def _read_together(*names: str) -> list[str] | None:
    """Return the variables' values; None if none is set. Raises `ImproperlyConfigured` where only some are."""
    values = [env.text(name, "") for name in names]
    if not any(values):
        return None
    if not all(values):
        raise ImproperlyConfigured(f"{', '.join(names)} are set together, or not at all.")
    return values


def read_chorus_pro() -> ChorusProAccount | None:
    """Return the account at Chorus Pro; None without any. Raises `ImproperlyConfigured` where a part is missing."""
    values = _read_together(
        "CHORUS_PRO_CLIENT_ID", "CHORUS_PRO_CLIENT_SECRET", "CHORUS_PRO_LOGIN", "CHORUS_PRO_PASSWORD"
    )
    if values is None:
        return None
    client_id, client_secret, login, password = values
    return ChorusProAccount(
        client_id=client_id,
        client_secret=client_secret,
        login=login,
        password=password,
        token_url=env.text("CHORUS_PRO_TOKEN_URL", "https://oauth.piste.gouv.fr/api/oauth/token"),
        api_base=env.text("CHORUS_PRO_API_BASE", "https://api.piste.gouv.fr"),
    )


def read_approved_platform() -> ApprovedPlatformAccount | None:
    """Return the account at the approved platform; None without any. Raises `ImproperlyConfigured` as above."""
    values = _read_together(
        "APPROVED_PLATFORM_URL",
        "APPROVED_PLATFORM_TOKEN_URL",
        "APPROVED_PLATFORM_CLIENT_ID",
        "APPROVED_PLATFORM_CLIENT_SECRET",
    )
    if values is None:
        return None
    base_url, token_url, client_id, client_secret = values
    number, name = read_reporting_platform()
    return ApprovedPlatformAccount(
        client_id=client_id,
        client_secret=client_secret,
        token_url=token_url,
        base_url=base_url,
        organization=env.text("APPROVED_PLATFORM_ORGANIZATION", ""),
        number=number,
        name=name,
    )


def read_reporting_platform() -> tuple[str, str]:
    """Return number and name of the platform that reports go through, also where files are given to it by hand."""
    number, name = env.text("APPROVED_PLATFORM_NUMBER", ""), env.text("APPROVED_PLATFORM_NAME", "")
    if bool(number) != bool(name) or len(number) not in (0, _NUMBER_LENGTH):
        raise ImproperlyConfigured(
            "APPROVED_PLATFORM_NUMBER (four characters) and APPROVED_PLATFORM_NAME are set together, or not at all."
        )
    return number, name


def read_platforms() -> dict[str, tuple[str, object]]:
    """Return the class that sends and its account, by the route of invoices: those whose account is configured."""
    accounts: dict[str, object] = {"chorus_pro": read_chorus_pro(), "platform": read_approved_platform()}
    return {route: (_CLASSES[route], account) for route, account in accounts.items() if account is not None}
