"""A schema that cannot be read is left out of what reads all of them, and named in the log."""

import pytest
from django.db import ProgrammingError

from collectivities.personal_data import list_memberships
from imports.enums import ImportState
from tenants.cross_schema import query_all
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import UserFactory

STATES = "SELECT count(*) FROM {schema}.imports_spreadsheetimport WHERE state = %s"


def list_left_out(caplog):
    return {record.args[0] for record in caplog.records if "cannot be read" in record.msg}


@pytest.mark.parametrize(
    "breach",
    [
        "ALTER TABLE c_nimes.imports_spreadsheetimport RENAME COLUMN state TO kept",
        "ALTER TABLE c_nimes.imports_spreadsheetimport RENAME TO kept",
        "REVOKE ALL ON c_nimes.imports_spreadsheetimport FROM peps_application",
        "DROP SCHEMA c_nimes CASCADE",
    ],
    ids=["column_renamed", "table_renamed", "forbidden", "schema_dropped"],
)
def test_the_others_are_read(db, caplog, breach):
    execute_as_administrator(breach)
    found = [(row.collectivity.slug, row.values) for row in query_all(STATES, [ImportState.READ])]
    assert found == [("gard", (0,))]
    assert list_left_out(caplog) == {"c_nimes"}
    # The transaction goes on.
    assert Collectivity.objects.count() == 2


def test_several_that_cannot_be_read_are_found_among_those_that_can(db, caplog):
    stored = [
        Collectivity(
            schema_name=f"c_none_{number}", slug=f"none-{number}", name="A", siren=f"{number:09}", created_at=TERM,
            kind="commune", key_prefix="N" + "".join("ABCDEFGH"[number // 8**place % 8] for place in (2, 1, 0)),
        )
        for number in range(3)
    ]  # fmt: skip
    Collectivity.objects.bulk_create(stored)
    assert {row.collectivity.slug for row in query_all(STATES, [ImportState.READ])} == {"nimes", "gard"}
    assert list_left_out(caplog) == {"c_none_0", "c_none_1", "c_none_2"}


def test_a_query_that_no_schema_answers_is_an_error(db):
    with pytest.raises(ProgrammingError, match="nothing"):
        list(query_all("SELECT nothing FROM {schema}.django_migrations"))


def test_memberships_are_read_in_all_offices_or_in_none(db):
    """Left out, an office would keep the data of an account that is deleted."""
    execute_as_administrator("ALTER TABLE c_nimes.collectivities_member RENAME TO kept")
    with pytest.raises(ProgrammingError):
        list_memberships(UserFactory())
