"""What an office's rules read of the public schema, and what they read of the office, is of one moment."""

from licensing.orders import operations as orders
from licensing.pools import operations as pools
from sites.audit.invariants import PUBLIC_ROWS, OfficeRows
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently
from tests.sites.audit.violations import list_all_violations


def test_a_key_given_while_an_office_is_audited_breaks_no_rule(committing, monkeypatch):
    pool = orders.grant(collectivity=committing, licences=10, reason="Course", by=None, at=TERM)
    schools = iter(SchoolFactory.create_batch(2))

    def give():
        school = next(schools)
        pools.allocate(pool_id=pool.pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)

    give()
    read, given = OfficeRows.read, []

    def read_then_give(self, wanted):
        rows = read(self, wanted)
        if PUBLIC_ROWS["key"] in wanted and not given:
            given.append(run_concurrently(committing.schema_name, [give], expected_errors=()))
        return rows

    monkeypatch.setattr(OfficeRows, "read", read_then_give)
    assert list_all_violations() == {}
    assert given
