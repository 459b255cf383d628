"""How e-mails are sent, by SMTP or by a provider (django-anymail, the extra `provider`); where reports are read."""

import ssl
from importlib.util import find_spec
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured

from config import env

#: By `MAIL_PROVIDER`: its names of the key and of the secret, as django-anymail has them; no secret where it has none.
_CREDENTIALS = {"brevo": ("BREVO_API_KEY", ""), "mailjet": ("MAILJET_API_KEY", "MAILJET_SECRET_KEY")}


def read_provider() -> str:
    """Return the provider's name, empty for SMTP. Raises `ImproperlyConfigured`."""
    provider = env.text("MAIL_PROVIDER", "")
    if provider and provider not in _CREDENTIALS:
        raise ImproperlyConfigured(f"MAIL_PROVIDER must be one of {', '.join(_CREDENTIALS)}, or empty.")
    if provider and find_spec("anymail") is None:
        raise ImproperlyConfigured("MAIL_PROVIDER needs django-anymail: install the extra « provider ».")
    return provider


def build_mailer(provider: str) -> dict[str, Any]:
    """Return the default entry of `MAILERS`. Raises `ImproperlyConfigured`."""
    if provider:
        return {"BACKEND": f"anymail.backends.{provider}.EmailBackend"}
    starttls, tls = env.flag("SMTP_STARTTLS", default=False), env.flag("SMTP_TLS", default=False)
    if starttls and tls:
        raise ImproperlyConfigured("SMTP_STARTTLS and SMTP_TLS exclude each other: the line is encrypted once.")
    ca_file = env.text("SMTP_CA_FILE", "")
    if ca_file:
        _check_certificates(ca_file, is_used=starttls or tls)
    return {
        "BACKEND": "mailing.mail_server.EmailBackend",
        "OPTIONS": {
            "host": env.text("SMTP_HOST", "127.0.0.1"),
            # Default: the local server of `manage.py smtp_sink`; read its messages with `manage.py read_mail`.
            "port": env.number("SMTP_PORT", 8025),
            "username": env.text("SMTP_USER", ""),
            "password": env.text("SMTP_PASSWORD", ""),
            "use_tls": starttls,
            "use_ssl": tls,
            "ca_file": ca_file,
        },
    }


def _check_certificates(ca_file: str, *, is_used: bool) -> None:
    """Refuse a file that would have every e-mail wait, or that nothing reads."""
    if not is_used:
        raise ImproperlyConfigured("SMTP_CA_FILE is read where SMTP_STARTTLS or SMTP_TLS is True.")
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ImproperlyConfigured(f"SMTP_CA_FILE cannot be read as certificates in PEM: {error}.") from None


def build_anymail(provider: str) -> dict[str, Any]:
    """Return django-anymail's settings, empty for SMTP. Raises `ImproperlyConfigured` where one is missing."""
    if not provider:
        return {}
    key, secret = _CREDENTIALS[provider]
    webhook_secret = env.text("MAIL_PROVIDER_WEBHOOK_SECRET", "")
    values = {key: env.text("MAIL_PROVIDER_KEY", "")} | (
        {secret: env.text("MAIL_PROVIDER_SECRET", "")} if secret else {}
    )
    if not all(values.values()) or ":" not in webhook_secret:
        raise ImproperlyConfigured(
            "MAIL_PROVIDER is set with MAIL_PROVIDER_KEY, MAIL_PROVIDER_SECRET for Mailjet, and"
            " MAIL_PROVIDER_WEBHOOK_SECRET, a name and a password with a colon between them."
        )
    # Who is refused is told by an event, as by any other server.
    return {**values, "WEBHOOK_SECRET": webhook_secret, "IGNORE_RECIPIENT_STATUS": True}


class BounceMailboxSettings(NamedTuple):
    """The mailbox to which servers report what became of our e-mails, over IMAP."""

    host: str
    port: int
    uses_tls: bool
    user: str
    #: In a file: what is in the environment is inherited by every child.
    password_file: str
    folder: str


def read_bounce_mailbox() -> BounceMailboxSettings | None:
    """Return where the mailbox is; None without a host. Raises `ImproperlyConfigured` for half of it."""
    found = BounceMailboxSettings(
        host=env.text("BOUNCE_IMAP_HOST", ""),
        port=env.number("BOUNCE_IMAP_PORT", 993),
        uses_tls=env.flag("BOUNCE_IMAP_TLS", default=True),
        user=env.text("BOUNCE_IMAP_USER", ""),
        password_file=env.text("BOUNCE_IMAP_PASSWORD_FILE", ""),
        folder=env.text("BOUNCE_IMAP_FOLDER", "INBOX"),
    )
    if not found.host:
        return None
    if not (found.user and found.password_file):
        raise ImproperlyConfigured("BOUNCE_IMAP_HOST is set with BOUNCE_IMAP_USER and BOUNCE_IMAP_PASSWORD_FILE.")
    return found
