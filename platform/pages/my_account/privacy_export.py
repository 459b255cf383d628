"""« Télécharger mes données »: all that the site knows of a person, in one file that people can read.

Each app says its own part; no key's code, no password, and nobody else's name is in it.
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts import personal as accounts
from collectivities import personal as offices
from licensing.classes import personal as classes
from licensing.orders import personal as orders
from licensing.subscriptions import personal as subscriptions
from mailing import personal as outbox
from schools import personal as schools
from web.addresses import portal_url

if TYPE_CHECKING:
    from accounts.models import User


def gathered(user: User, *, at: datetime.datetime) -> dict[str, Any]:
    """Return everything about the person, by subject. The same number of queries whatever there is."""
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
        "compte": accounts.gathered(user),
        **schools.gathered(user),
        **subscriptions.gathered(user),
        **classes.gathered(user),
        **orders.gathered(user),
        "bureaux de collectivités": offices.gathered(user),
        "e-mails qui vous ont été écrits": outbox.gathered(user.pk),
    }


def as_text(data: dict[str, Any]) -> str:
    """Return the data as indented JSON whose accents are letters and whose moments are those of Paris."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_plain) + "\n"


def _plain(value: object) -> str:
    """Return a moment as « 2026-11-24 10:00 », a day as « 2027-08-31 »; what is neither, as it is written."""
    if isinstance(value, datetime.datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return str(value)
