"""Accounts at the platforms to which invoices are sent, read from environment variables; all of one, or none."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from config import env
from licensing.billing.transmission.accounts import ChorusProAccount

#: Route of an invoice → the class that sends it.
_CLASSES = {"chorus_pro": "licensing.billing.transmission.chorus_pro.ChorusPro"}


def read_chorus_pro() -> ChorusProAccount | None:
    """Return the account at Chorus Pro; None without any. Raises `ImproperlyConfigured` where a part is missing."""
    names = ("CHORUS_PRO_CLIENT_ID", "CHORUS_PRO_CLIENT_SECRET", "CHORUS_PRO_LOGIN", "CHORUS_PRO_PASSWORD")
    values = [env.text(name, "") for name in names]
    if not any(values):
        return None
    if not all(values):
        raise ImproperlyConfigured(f"{', '.join(names)} are set together, or not at all.")
    client_id, client_secret, login, password = values
    return ChorusProAccount(
        client_id=client_id,
        client_secret=client_secret,
        login=login,
        password=password,
        token_url=env.text("CHORUS_PRO_TOKEN_URL", "https://oauth.piste.gouv.fr/api/oauth/token"),
        api_base=env.text("CHORUS_PRO_API_BASE", "https://api.piste.gouv.fr"),
    )


def read_platforms() -> dict[str, tuple[str, object]]:
    """Return the class that sends and its account, by the route of invoices: those whose account is configured."""
    accounts = {"chorus_pro": read_chorus_pro()}
    return {route: (_CLASSES[route], account) for route, account in accounts.items() if account is not None}
