"""Set how the collectivity presents itself in e-mails: sender, reply address, signature, note, logo."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from collectivities import audit_log, logos
from collectivities.models import OfficeSettings
from collectivities.operations.members import clean_email

_LABELS = {
    "sender_name": "nom de l'expéditeur",
    "reply_to": "adresse de réponse",
    "contact_name": "personne à joindre",
    "contact_phone": "téléphone",
    "signature": "signature",
    "letter_note": "mot de la collectivité",
}


@transaction.atomic
def set_presentation(
    *,
    sender_name: str,
    reply_to: str,
    signature: str,
    by: User | None,
    at: datetime.datetime,
    contact_name: str = "",
    contact_phone: str = "",
    letter_note: str = "",
    logo: bytes | None = None,
    without_logo: bool = False,
) -> OfficeSettings:
    """Set what e-mails show of the collectivity; without `logo` or `without_logo`, the logo is kept.

    Raises `InvalidAddress`, `InvalidLogo`.
    """
    values = {
        "sender_name": " ".join(sender_name.split()),
        "reply_to": clean_email(reply_to) if reply_to.strip() else "",
        "contact_name": " ".join(contact_name.split()),
        "contact_phone": contact_phone.strip(),
        "signature": signature.strip().replace("\r\n", "\n"),
        "letter_note": " ".join(letter_note.split()),
    }
    # Before the lock: it takes some tenths of a second.
    png = None if logo is None else logos.reencode(logo)
    OfficeSettings.objects.get_or_create(pk=1)
    settings = OfficeSettings.objects.locked().get(pk=1)
    changed = [_LABELS[field] for field, value in values.items() if getattr(settings, field) != value]
    for field, value in values.items():
        setattr(settings, field, value)
    if png is not None:
        settings.logo = png
        changed.append("logo")
    elif without_logo and settings.logo is not None:
        settings.logo = None
        changed.append("logo retiré")
    if changed:
        settings.save()
        audit_log.record(action="settings.changed", by=by, at=at, summary=f"Réglages modifiés : {', '.join(changed)}.")
    return settings
