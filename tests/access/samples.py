"""Sample objects for each office route with arguments, created in the current schema."""

from __future__ import annotations

import datetime
import itertools

from django.utils import timezone

from api import tokens
from api.models import Token
from api.scopes import TokenScope
from collectivities.models import Invitation, Role
from core.tenant_connection import connection
from imports.enums import ImportState, Purpose, Verdict
from imports.layout import Layout
from imports.meanings import Meaning
from imports.models import AnnotatedFile, ImportFile, ImportRow, SpreadsheetImport
from licensing.billing import operations as billing_operations
from licensing.billing.models import BillingDocument
from licensing.orders.models import OrderKind, OrderState
from licensing.pools.models import Allocation
from licensing.rebalancing.models import Rebalancing
from licensing.reminders.models import Reminder
from licensing.returns.models import ReturnRequest
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import KeyFactory, OrderLineFactory, OrderRowFactory, PoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions
from tests.returns.given_school import GivenSchool
from webhooks import endpoints
from webhooks.models import WebhookEndpoint

#: Ids beyond any sequence, so that an id of one collectivity exists at no other.
_numbers = itertools.count(900_000_001)


def member():
    return {"pk": MemberFactory(pk=next(_numbers), roles=[Role.VIEWER]).pk}


def invitation():
    pk = next(_numbers)
    Invitation.objects.create(
        pk=pk,
        email=f"i{pk}@exemple.example",
        roles=[Role.VIEWER],
        nonce=str(pk),
        token_hash=str(pk),
        created_at=TERM,
        expires_at=TERM + datetime.timedelta(days=14),
    )
    return {"pk": pk}


def token():
    pk = next(_numbers)
    now = timezone.now()
    ends = now + datetime.timedelta(days=9)
    made = tokens.create(name="SI", scopes=[TokenScope.READ], expires_at=ends, by=None, at=now).token
    Token.objects.filter(pk=made.pk).update(id=pk)
    return {"pk": pk}


def message():
    pk = next(_numbers)
    about = invitation()["pk"]
    Message.objects.create(
        pk=pk,
        kind="invitation",
        recipient="a@exemple.example",
        topic="invitation",
        topic_id=about,
        created_at=TERM,
        due_at=TERM,
    )
    return {"pk": pk}


def portfolio_school():
    return {"uai": PortfolioSchoolFactory().school_id}


def mapped_school():
    return {"uai": PortfolioSchoolFactory(school=SchoolFactory(latitude=43.8, longitude=4.3)).school_id}


def map_state():
    return {"state": "none"}


def school():
    return {"uai": SchoolFactory().uai}


def spreadsheet_import():
    pk = next(_numbers)
    made = SpreadsheetImport.objects.create(
        pk=pk, pool=PoolFactory(pk=pk), filename="a.csv", size=1, state=ImportState.CHECKED, created_at=TERM
    )
    ImportFile.objects.create(of=made, content=b"a")
    AnnotatedFile.objects.create(of=made, content=b"a", asked_at=TERM, made_at=TERM)
    return {"pk": pk}


def numbered_list():
    """A list of schools with a column of licences."""
    pk = next(_numbers)
    SpreadsheetImport.objects.create(
        pk=pk,
        purpose=Purpose.PORTFOLIO,
        filename="a.csv",
        size=1,
        state=ImportState.CHECKED,
        layout=Layout(columns={Meaning.UNITS: 1}),
        created_at=TERM,
    )
    return {"pk": pk}


def purpose():
    return {"purpose": "allocation"}


def row():
    made = spreadsheet_import()
    ImportRow.objects.create(import_id=made["pk"], number=2, verdict=Verdict.ERROR)
    return made | {"sheet": 0, "number": 2}


def allocation():
    """An allocation of a pool with the same number."""
    pk = next(_numbers)
    key = KeyFactory(entitlement=PoolFactory(pk=pk).entitlement)
    Allocation.objects.create(
        pk=pk, pool_id=pk, school=key.school, key=key, units=key.units, recipient="a@exemple.example", created_at=TERM
    )
    return {"pk": pk}


def reminder():
    """A planned reminder with a number of its own."""
    pk = next(_numbers)
    row = Allocation.objects.get(pk=allocation()["pk"])
    Reminder.objects.create(
        pk=pk, allocation=row, school_id=row.school_id, cause="unredeemed", step=10, planned_for=TERM.date()
    )
    return {"pk": pk}


def return_request():
    """A request of a school that redeemed its key, with a number beyond any sequence."""
    pk = next(_numbers)
    asked = GivenSchool(connection.tenant, at=timezone.now()).ask(at=timezone.now())
    ReturnRequest.objects.filter(pk=asked.pk).update(id=pk)
    return {"pk": pk}


def rebalanced_pool():
    """A pool, with a number beyond any sequence."""
    return {"pk": PoolFactory(pk=next(_numbers)).pk}


def rebalancing():
    """What was applied a moment ago."""
    pk = next(_numbers)
    Rebalancing.objects.create(pk=pk, pool=PoolFactory(pk=pk), from_free=0, applied_at=timezone.now())
    return {"pk": pk}


def purchase():
    """A draft order of the current collectivity, created directly: a price list per route would be slow."""
    order = OrderRowFactory(
        kind=OrderKind.PURCHASE,
        state=OrderState.DRAFT,
        reason="",
        placed_at=None,
        placed_by=UserFactory(),
        quote_number=f"DV2026-{next(_numbers)}",
        quoted_at=TERM,
        quote_until=TERM.date(),
    )
    OrderLineFactory(order=order)
    BillingDocument.objects.create(kind="quote", order=order, number=order.quote_number, content=b"%PDF-", made_at=TERM)
    return {"pk": order.pk}


def placed_purchase():
    return {"pk": PurchaseFactory(placed=True).pk}


def purchase_scan():
    order = PurchaseFactory(placed=True)
    return {"pk": order.pk, "number": actions.upload(order).pk}


def purchase_invoice():
    order = PurchaseFactory(placed=True)
    invoice = billing_operations.confirm(order_id=order.pk, by=order.placed_by, at=TERM)
    return {"pk": order.pk, "number": invoice.number}


def webhook():
    pk = next(_numbers)
    made = endpoints.add(url=f"https://si.exemple.fr/{pk}", types=[], by_id=None, at=TERM).endpoint
    WebhookEndpoint.objects.filter(pk=made.pk).update(id=pk)
    return {"pk": pk}


def webhook_delivery():
    named = webhook()
    return named | {"number": endpoints.send_test(endpoint_id=named["pk"], at=TERM).pk}


#: Routes whose object is public (the national directory) or absent: it belongs to no collectivity.
PUBLIC_OBJECTS = {"imports:template", "map_state", "school"}

#: Route name → factory of its arguments. A route with arguments that is missing here fails the test.
SAMPLES = {
    "imports:template": purpose,
    "imports:corrected": spreadsheet_import,
    "imports:give": spreadsheet_import,
    "imports:report": spreadsheet_import,
    "imports:detail": spreadsheet_import,
    "imports:applied_rows": spreadsheet_import,
    "imports:progress": spreadsheet_import,
    "imports:file": spreadsheet_import,
    "imports:choose": spreadsheet_import,
    "imports:row": row,
    "imports:bulk": spreadsheet_import,
    "imports:take_up": spreadsheet_import,
    "imports:annotate": spreadsheet_import,
    "imports:annotated": spreadsheet_import,
    "imports:confirm": spreadsheet_import,
    "imports:cancel": spreadsheet_import,
    "imports:request_application": spreadsheet_import,
    "imports:withdraw_request": spreadsheet_import,
    "imports:undo": spreadsheet_import,
    "tokens:revoke": token,
    "members:withdraw": invitation,
    "members:roles": member,
    "members:remove": member,
    "pools:allocation": allocation,
    "pools:restore_one": allocation,
    "pools:resend": allocation,
    "pools:units": allocation,
    "pools:remind": allocation,
    "pools:rename": allocation,
    "reminders:policy": allocation,
    "reminders:set_policy": allocation,
    "reminders:cancel_all": allocation,
    "reminders:cancel": reminder,
    "pools:reveal": allocation,
    "returns:withdraw": return_request,
    "rebalancing:plan": rebalanced_pool,
    "rebalancing:undo": rebalancing,
    "renewal:take": numbered_list,
    "purchases:detail": purchase,
    "purchases:quote": purchase,
    "purchases:quote_pdf": purchase,
    "purchases:order": purchase,
    "purchases:complete": purchase,
    "purchases:discard": purchase,
    "purchases:purchase_order_pdf": placed_purchase,
    "purchases:upload": purchase,
    "purchases:scan": purchase_scan,
    "purchases:invoice_pdf": purchase_invoice,
    "portfolio:edit": portfolio_school,
    "webhooks:detail": webhook,
    "webhooks:edit": webhook,
    "webhooks:rotate": webhook,
    "webhooks:test": webhook,
    "webhooks:remove": webhook,
    "webhooks:delivery": webhook_delivery,
    "webhooks:replay": webhook_delivery,
    "map_place": mapped_school,
    "map_state": map_state,
    "school": school,
    "messages:detail": message,
    "messages:preview": message,
    "messages:reveal": message,
    "messages:resend": message,
    "messages:write_anyway": message,
}
