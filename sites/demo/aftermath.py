"""Demo step of what follows a gift: servers refuse addresses, and a school gives back what it does not need."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import User
from licensing.entitlements import operations as subscriptions
from licensing.pools.bulk_views import build_corrections, list_undelivered
from licensing.returns import operations as returns
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.mime import MessageReference, get_timestamp
from mailing.models import Message
from mailing.smtp_replies import REPLY_SEPARATOR
from sites.demo.workbook import list_eligible_schools
from tenants.models import Collectivity

#: Of the list: the school whose principal gives licences back.
SPARING_SCHOOL = 7
_UNITS_BACK = 2
#: Of the list: a school whose contact is wrong, and one whose own mailbox refuses.
_LOST = (20, 12)
_REASON = f"Cette adresse n'existe pas : corrigez-la et renvoyez le message.{REPLY_SEPARATOR}550 5.1.1 User unknown"


def refuse_addresses(
    office: Collectivity, *, expect: Callable[[bool, str], None], print_line: Callable[[str], None]
) -> None:
    """Have the servers of two schools report that the address of the key does not exist."""
    now, eligible = timezone.now(), list_eligible_schools()
    uais = [eligible[index]["Identifiant_de_l_etablissement"] for index in _LOST]
    with tenant_context(office):
        messages = list(Message.objects.filter(about__regex=rf"\(({'|'.join(uais)})\)"))
        reports = [
            DeliveryReport(
                MessageReference(office.schema_name, message.pk, get_timestamp(message)),
                ReportedFate.BOUNCED,
                _REASON,
                (message.recipient,),
            )
            for message in messages
        ]
        record_reports(reports, at=now)
        corrections = build_corrections(list(list_undelivered(now)))
    expect(len(corrections) == len(_LOST), "deux clés ne sont pas arrivées")
    proposed = [one.proposed for one in corrections if one.proposed]
    expect(len(proposed) == 1, "une adresse est proposée")
    print_line(f"   Deux adresses sont refusées : « Adresses à corriger » propose {proposed[0]} pour l'une.")


def give_back(
    principal: User, code: str, office: Collectivity, *, expect: Callable[[bool, str], None],
    print_line: Callable[[str], None],
) -> None:  # fmt: skip
    """Have a principal redeem a key, then give some of its licences back."""
    now = timezone.now()
    subscription = subscriptions.redeem(code=code, by=principal, at=now)
    done = returns.give_back(subscription_id=subscription.pk, units=_UNITS_BACK, by=principal, at=now)
    expect(done.left == subscription.size - _UNITS_BACK, "les licences rendues quittent la clé")
    print_line(f"   {principal} active une clé et rend {_UNITS_BACK} licences : {office.name} les a de nouveau.")
