"""What public tables name of the directory exists, without a foreign key."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import ForeignKey

from schools.models import Affiliation, School
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

NOWHERE = "0000000Z"
#: Rows that the minting of a pool's keys or a calendar writes, from schools that it has read.
WITHOUT_A_LOOK = {"entitlements_activationkey", "schools_writtenweek"}


def list_naming_tables():
    """Return the public tables with a reference to a school."""
    return {
        model._meta.db_table  # noqa: SLF001 - documented
        for model in apps.get_models()
        for field in model._meta.local_fields  # noqa: SLF001 - documented
        if isinstance(field, ForeignKey) and field.remote_field.model is School
    }


def test_no_constraint_leads_to_the_directory_and_each_public_table_looks_the_school_up(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_constraint WHERE confrelid = 'public.schools_school'::regclass")
        assert cursor.rowcount == 0
        cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
        public = {name for (name,) in cursor.fetchall()} & list_naming_tables()
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'public.schools_school_is_known'::regproc"
        )
        assert {name for (name,) in cursor.fetchall()} == public - WITHOUT_A_LOOK


def test_a_school_that_the_directory_does_not_have_is_refused(db):
    user = TeacherFactory()
    affiliation = AffiliationFactory(user=user, school=SchoolFactory())
    with pytest.raises(IntegrityError, match=f"names the school {NOWHERE}"), transaction.atomic():
        Affiliation.objects.filter(pk=affiliation.pk).update(school_id=NOWHERE)
    with pytest.raises(IntegrityError, match=f"names the school {NOWHERE}"), transaction.atomic():
        Affiliation.objects.create(user=user, school_id=NOWHERE, since=affiliation.since)
    Affiliation.objects.filter(pk=affiliation.pk).update(school=SchoolFactory())
