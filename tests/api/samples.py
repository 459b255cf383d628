"""Sample objects for each API route with arguments, created in the current collectivity."""

from django.utils import timezone

from core.connections import connection
from imports.models import ImportRow
from licensing.catalogue.operations import get_licence_product
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.models import Allocation
from licensing.reminders.models import Reminder
from licensing.requests.school_requests.models import LicenceRequest
from mailing.models import Message
from tenants.models import Collectivity
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.returns.given_school import GivenSchool
from webhooks import endpoints
from webhooks.models import WebhookEndpoint, WebhookEvent


def school():
    return {"uai": SchoolFactory().uai}


def portfolio_school():
    return {"uai": PortfolioSchoolFactory().school_id}


def message():
    now = timezone.now()
    row = Message.objects.create(kind="key", recipient="a@exemple.example", created_at=now, due_at=now)
    return {"pk": row.pk}


def spreadsheet_import():
    return {"pk": upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 1))).pk}


def row():
    number = spreadsheet_import()["pk"]
    return {"pk": number, "row": ImportRow.objects.get(import_id=number).pk}


def applied_import():
    return {"pk": confirm_and_apply(upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 1)))).pk}


def create_pool():
    return orders.grant(collectivity=connection.tenant, licences=10, reason="Essai", by=None, at=timezone.now())


def pool():
    return {"pk": create_pool().pk}


def allocation():
    school = SchoolFactory()
    fields = {"uai": school.uai, "units": 2, "recipient": school.email}
    return {"pk": pools.allocate(pool_id=create_pool().pk, **fields, by=None, at=timezone.now()).pk}


def reminder():
    row = Allocation.objects.get(pk=allocation()["pk"])
    day = timezone.localdate()
    made = Reminder.objects.create(
        allocation=row, school_id=row.school_id, cause="unredeemed", step=10, planned_for=day
    )
    return {"pk": made.pk}


def redeemed_allocation():
    return {"pk": GivenSchool(connection.tenant, at=timezone.now()).allocation.pk}


def return_request():
    return {"pk": GivenSchool(connection.tenant, at=timezone.now()).ask(at=timezone.now()).pk}


def licence_request():
    made = LicenceRequest.objects.create(
        school=SchoolFactory(),
        collectivity=Collectivity.objects.get(schema_name=connection.schema_name),
        product=get_licence_product(),
        school_year=2027,
        units=2,
        reason="Une classe de plus.",
        asked_by=UserFactory(),
        created_at=timezone.now(),
    )
    return {"pk": made.pk}


def webhook():
    url = f"https://si.exemple.fr/{WebhookEndpoint.objects.count()}"
    made = endpoints.add(url=url, types=[], by_id=None, at=timezone.now())
    return {"pk": made.endpoint.pk}


def delivery():
    named = webhook()
    return named | {"number": endpoints.send_test(endpoint_id=named["pk"], at=timezone.now()).pk}


def event():
    delivery()
    return {"id": WebhookEvent.objects.latest("pk").public_id}


#: Routes whose object belongs to no collectivity; with a method, for that method only.
PUBLIC_OBJECTS = {"api:school", "PUT api:portfolio_school"}

#: Route name → factory of its arguments. A route with arguments that is missing here fails the test.
SAMPLES = {
    "api:school": school,
    "api:portfolio_school": portfolio_school,
    "api:message": message,
    "api:import": spreadsheet_import,
    "api:import_layout": spreadsheet_import,
    "api:import_rows": spreadsheet_import,
    "api:import_row": row,
    "api:import_apply": spreadsheet_import,
    "api:import_cancel": spreadsheet_import,
    "api:import_undo": applied_import,
    "api:pool": pool,
    "api:allocation": allocation,
    "api:allocation_revoke": allocation,
    "api:allocation_restore": allocation,
    "api:allocation_resend": allocation,
    "api:allocation_remind": allocation,
    "api:allocation_reduce": allocation,
    "api:reminder_policy": pool,
    "api:reminder_cancel": reminder,
    "api:allocation_return_request": redeemed_allocation,
    "api:return_request": return_request,
    "api:return_request_withdraw": return_request,
    "api:request": licence_request,
    "api:event": event,
    "api:webhook": webhook,
    "api:webhook_rotate": webhook,
    "api:webhook_test": webhook,
    "api:deliveries": webhook,
    "api:delivery": delivery,
    "api:delivery_replay": delivery,
}
