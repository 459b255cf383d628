"""« Télécharger mes données »: export of a user's personal data as a readable JSON file.

Each app exports its own part; without activation keys, passwords or names of other people.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from django.utils import timezone

from accounts import personal_data as accounts
from accounts.models import User
from collectivities import personal_data as offices
from core.links import portal_url
from licensing.classes import personal_data as classes
from licensing.entitlements import personal_data as subscriptions
from licensing.invitations import personal_data as invitations
from licensing.orders import personal_data as orders
from licensing.requests import personal_data as requests
from licensing.returns import personal_data as returns
from mailing import personal_data as outbox
from schools import affiliations as schools


def export_personal_data(user: User, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the user's personal data by subject, in a constant number of queries."""
    return {
        "à propos de ce fichier": {
            "établi le": at,
            "par": portal_url(),
            "à savoir": (
                "Ce fichier contient ce que Pep's enregistre à votre sujet. Il ne contient ni mot de passe, ni code de "
                "clé d'activation, ni nom d'une autre personne. Les bureaux des collectivités dont vous êtes membre "
                "tiennent un journal de vos actions, que vous y lisez."
            ),
        },
        "compte": accounts.export_personal_data(user),
        **schools.export_personal_data(user),
        **subscriptions.export_personal_data(user),
        **invitations.export_personal_data(user),
        **requests.export_personal_data(user),
        **classes.export_personal_data(user),
        **returns.export_personal_data(user),
        **orders.export_personal_data(user),
        "bureaux de collectivités": offices.export_personal_data(user),
        "e-mails qui vous ont été écrits": outbox.export_personal_data(user.pk),
    }


def to_json(data: dict[str, Any]) -> str:
    """Return the data as indented JSON with unescaped accents and datetimes in Paris time."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_to_json_value) + "\n"


def _to_json_value(value: object) -> str:
    """Return a datetime as « 2026-11-24 10:00 », a date as « 2027-08-31 », other values as `str`."""
    if isinstance(value, datetime.datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return str(value)
