"""A school whose principal is verified, the teachers who ask there, and what is asked of a collectivity."""

from typing import Any

from django_tenants.utils import schema_context

from core.connections import connection
from licensing.orders import operations as orders
from licensing.requests.school_requests import operations
from licensing.requests.school_requests.models import LicenceRequest
from schools.models import Verification
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

REASON = "Deux classes de CE2 ouvrent."


class AskingSchool:
    """A public école of Nîmes and its verified principal."""

    def __init__(self, **fields):
        fields = {"siret": "21300189400019", "commune": "Nîmes"} | fields
        with schema_context("public"):
            self.school = SchoolFactory(**fields)
            self.principal = self.add_principal()

    def add_principal(self, *, verified=True):
        """Return another principal of the school."""
        user = PrincipalFactory()
        AffiliationFactory(
            user=user,
            school=self.school,
            verified_at=TERM if verified else None,
            verified_by=Verification.OPERATOR if verified else "",
        )
        return user

    def add_teacher(self, **fields):
        """Return a teacher who chose the school."""
        user = TeacherFactory(**fields)
        AffiliationFactory(user=user, school=self.school)
        return user

    def ask(self, *, by=None, at=TERM, **fields):
        """Return the school's request to the collectivity of Nîmes."""
        return ask_for(self.school, by or self.principal, at=at, **fields)

    def withdraw(self, request, *, by=None, at=TERM):
        """Withdraw a request of the school."""
        with schema_context("public"):
            return operations.withdraw_request(request_id=request.pk, by=by or self.principal, at=at)


def ask_for(school, by, *, at=TERM, **fields):
    """Return a request of a school to the collectivity of Nîmes."""
    office = Collectivity.objects.get(slug="nimes")
    asked: dict[str, Any] = {"collectivity_id": office.pk, "school_year": 2027, "units": 3, "reason": REASON}
    with schema_context("public"):
        return operations.ask_collectivity(uai=school.pk, by=by, at=at, **asked | fields)


def open_pool(licences=10, at=TERM):
    """Return a pool of the current office."""
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    return orders.grant(collectivity=office, licences=licences, reason="Demandes", by=None, at=at)


def accept(pool, *requests, units=None, at=TERM, by=None):
    """Accept the requests from the pool, each for what it asks or for `units`."""
    grants = [operations.GrantedUnits(one.pk, units or one.units) for one in requests]
    return operations.accept_requests(pool_id=pool.pk, grants=grants, by=by, at=at)


def refuse(*requests, sentence="Le budget de l'année est engagé.", at=TERM, by=None):
    """Refuse the requests with a sentence."""
    return operations.refuse_requests(request_ids=[one.pk for one in requests], sentence=sentence, by=by, at=at)


def read(request):
    """Return how a request stands now."""
    return LicenceRequest.objects.get(pk=request.pk)
