"""For each address of the API that names a thing: such a thing, made in the collectivity that is entered."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone

from imports.models import ImportRow
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from mailing.models import Message
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import apply, listing, uploaded
from webhooks import endpoints
from webhooks.models import Endpoint, Event


def school():
    return {"uai": SchoolFactory().uai}


def remit_school():
    return {"uai": SchoolInRemitFactory().school_id}


def message():
    now = timezone.now()
    row = Message.objects.create(kind="key", recipient="a@exemple.example", created_at=now, due_at=now)
    return {"pk": row.pk}


def table():
    return {"pk": uploaded(PoolFactory(), listing((SchoolFactory(), 1))).pk}


def row():
    number = table()["pk"]
    return {"pk": number, "row": ImportRow.objects.get(import_id=number).pk}


def applied_table():
    return {"pk": apply(uploaded(PoolFactory(), listing((SchoolFactory(), 1)))).pk}


def opened_pool():
    return orders.grant(collectivity=connection.tenant, licences=10, reason="Essai", by=None, at=timezone.now())


def pool():
    return {"pk": opened_pool().pk}


def allocation():
    school = SchoolFactory()
    given = {"uai": school.uai, "units": 2, "recipient": school.email}
    return {"pk": pools.allocate(pool_id=opened_pool().pk, **given, by=None, at=timezone.now()).pk}


def webhook():
    url = f"https://si.exemple.fr/{Endpoint.objects.count()}"
    made = endpoints.add(url=url, types=[], by_id=None, at=timezone.now())
    return {"pk": made.endpoint.pk}


def delivery():
    named = webhook()
    return named | {"number": endpoints.test(endpoint_id=named["pk"], at=timezone.now()).pk}


def event():
    delivery()
    return {"id": Event.objects.latest("pk").public_id}


#: Addresses whose thing is everybody's: no other collectivity can own it. With a verb: that verb alone makes it one's
#: own.
NOBODYS = {"api:school", "PUT api:remit_school"}

#: The address's name → what makes its thing. An address that wants something and is not here fails the test.
SAMPLES = {
    "api:school": school,
    "api:remit_school": remit_school,
    "api:message": message,
    "api:import": table,
    "api:import_choose": table,
    "api:import_rows": table,
    "api:import_row": row,
    "api:import_apply": table,
    "api:import_cancel": table,
    "api:import_undo": applied_table,
    "api:pool": pool,
    "api:allocation": allocation,
    "api:allocation_revoke": allocation,
    "api:allocation_resend": allocation,
    "api:allocation_remind": allocation,
    "api:allocation_reduce": allocation,
    "api:event": event,
    "api:webhook": webhook,
    "api:webhook_rotate": webhook,
    "api:webhook_test": webhook,
    "api:deliveries": webhook,
    "api:delivery": delivery,
    "api:delivery_replay": delivery,
}
