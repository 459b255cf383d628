"""Redemption and sign-in on a cluster: whatever an office does, and whether its node answers or not."""

import contextlib
import time

import pytest
from django.db import OperationalError
from django_tenants.utils import schema_context

from collectivities.models import PortfolioSchool
from core.connections import connection
from licensing.entitlements import keys, operations
from tenants import cluster
from tests import cluster as test_cluster
from tests.conftest import PASSWORD, TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.races import open_transaction
from web.outage import find_outage

pytestmark = pytest.mark.citus

#: Seconds that a redemption may take beside an open import: it waits for none of its rows.
SOON = 2


def test_a_redemption_does_not_wait_for_an_open_import(committed_jaures):
    code, _ = committed_jaures.key()

    def apply():
        """Write as an import that is being applied: keys in the public schema, rows in the office's."""
        demands = [(committed_jaures.school.pk, 1, False)] * 100
        keys.mint(entitlement=committed_jaures.entitlement, prefix="NIMES", demands=demands, at=TERM)
        PortfolioSchoolFactory()

    with open_transaction("c_nimes", apply):
        begun = time.monotonic()
        assert operations.redeem(code=code, by=committed_jaures.principal, at=TERM).size == 3
        assert time.monotonic() - begun < SOON


@contextlib.contextmanager
def node_down(schema):
    """Close the tests' database on the node of a schema: it answers nobody, as a machine that is switched off."""
    host, port = cluster.get_node(schema)
    name = connection.settings_dict["NAME"]
    with test_cluster.connect((host, port)) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_with_a_node_down_its_offices_alone_are_away(committed_jaures, portal, can_sign_in):
    code, _ = committed_jaures.key()
    principal = can_sign_in(committed_jaures.principal)
    assert cluster.get_node("c_nimes") != cluster.get_node("c_gard")
    with node_down("c_gard"):
        answer = portal.post("/connexion/", {"login": principal.username, "password": PASSWORD})
        assert answer.status_code == 302
        assert operations.redeem(code=code, by=principal, at=TERM).size == 3
        with schema_context("c_nimes"):
            assert PortfolioSchool.objects.count() == 0
        with schema_context("c_gard"), pytest.raises(OperationalError) as away:
            PortfolioSchool.objects.count()
        # What a page answers 503 to.
        assert find_outage(away.value) is not None
    with schema_context("c_gard"):
        assert PortfolioSchool.objects.count() == 0
