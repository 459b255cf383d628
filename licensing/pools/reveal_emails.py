"""The e-mail to managers about an account that has had many keys shown."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from django.utils import timezone

from accounts.models import User
from collectivities.models import AuditEntry
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from licensing.pools.models import REVEALED_ACTION
from mailing.kinds import RenderedEmail, render_email
from mailing.models import Message
from tenants.models import Collectivity


def render_many_revealed(message: Message) -> RenderedEmail:
    """Render the notice that an account has had many keys shown; it counts up to the moment when it is sent."""
    actor = User.objects.get(pk=message.topic_id or 0)
    since = datetime.datetime.fromisoformat(message.context["since"])
    shown = AuditEntry.objects.filter(action=REVEALED_ACTION, actor_id=actor.pk, at__gte=since).count()
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    who = f"{actor} (identifiant « {actor.username} »)"
    start = f"{formatting.long_date(date_in_paris(since))} à {timezone.localtime(since):%H:%M}"
    return render_email(
        subject=f"{formatting.number(shown)} clés affichées dans le bureau {office.name}",
        paragraphs=[
            (
                f"{who} a fait afficher {formatting.number(shown)} clés d'activation depuis le {start}. "
                "Une clé affichée peut être activée par qui la connaît."
            ),
            (
                "Si c'est voulu, il n'y a rien à faire. Sinon, retirez cette personne du bureau, puis reprenez les "
                "licences dont la clé n'est pas activée : le journal dit lesquelles."
            ),
        ],
        button="Ouvrir le journal",
        address=office.office_url(f"/journal/?{urlencode({'text': actor.username, 'subject': 'keys'})}"),
        notes=["Les gestionnaires du bureau reçoivent ce message, une fois par jour au plus pour une même personne."],
    )
