"""Schemas are migrated while others migrate them, open offices and serve requests."""

import io
import threading
import time

import pytest
from django.core.management import call_command
from django.db import transaction
from django_tenants.utils import schema_context

from collectivities.operations.offices import open_office
from imports.models import SpreadsheetImport
from tenants import lock_timeouts, schema_migrations
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.races import run_concurrently, wait_for_blocked_session
from tests.tenants.added_migrations import COLUMN
from tests.tenants.schema_description import describe_schema
from tests.waits import wait_until

pytestmark = [pytest.mark.as_owner, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def migrating(offices, monkeypatch):
    """Has `migrate_schemas` see the offices of the test alone; returns it."""

    def list_schemas():
        with schema_context("public"):
            found = Collectivity.objects.exclude(slug__in=["nimes", "gard"])
            return list(found.order_by("pk").values_list("schema_name", flat=True))

    monkeypatch.setattr(schema_migrations, "_list_schemas", list_schemas)

    def migrate():
        out = io.StringIO()
        call_command("migrate_schemas", tenant=True, stdout=out)
        return out.getvalue().splitlines()[-1]

    return migrate


def test_two_runs_at_once_migrate_each_schema_once(offices, added, migrating):
    added.add("0013_note", COLUMN)
    messages = run_concurrently("public", [migrating, migrating], expected_errors=())
    assert sorted(messages) == [
        "Collectivités : 0 déjà à jour, 3 mises à jour, 0 en échec.",
        "Collectivités : 3 déjà à jour, 0 mises à jour, 0 en échec.",
    ]


@pytest.mark.slow
def test_an_office_that_is_opened_meanwhile_from_the_old_snapshot_is_migrated_too(
    offices, added, migrating, monkeypatch
):
    added.add("0013_note", COLUMN)
    replay = schema_migrations.replay
    opened = threading.Event()

    def open_then_replay(schema, step):
        if not opened.is_set():
            opened.set()
            with schema_context("public"):
                open_office(
                    name="Foix",
                    kind="commune",
                    siren="210901229",
                    slug="foix",
                    manager_email="chef@foix.example",
                    by=None,
                    at=TERM,
                )
        replay(schema, step)

    monkeypatch.setattr(schema_migrations, "replay", open_then_replay)
    assert migrating() == "Collectivités : 0 déjà à jour, 4 mises à jour, 0 en échec."
    assert describe_schema("c_foix") == describe_schema("c_ales")


@pytest.mark.slow
def test_requests_are_served_while_their_schema_is_migrated(offices, added, migrating):
    """One keeps its lock; the migration waits for it, and gives way to those that come meanwhile. None fails."""
    added.add("0013_note", COLUMN)
    held, over = threading.Event(), threading.Event()
    answered = []

    def keep_a_lock():
        with transaction.atomic():
            list(SpreadsheetImport.objects.all())
            held.set()
            # A request that waited behind the migration is answered while the migration is still kept from its table.
            wait_for_blocked_session()
            before = len(answered)
            wait_until(lambda: len(answered) > before + 1)

    def ask_again_and_again():
        wait_until(held.is_set)
        while not over.is_set():
            assert not SpreadsheetImport.objects.filter(filename="x").exists()
            answered.append(1)
            time.sleep(0.01)

    def migrate():
        wait_until(held.is_set)
        try:
            with schema_context("public"):
                return migrating()
        finally:
            over.set()

    messages = run_concurrently("c_cahors", [keep_a_lock, ask_again_and_again, migrate], expected_errors=())
    assert messages[2] == "Collectivités : 0 déjà à jour, 3 mises à jour, 0 en échec."
    # For how long it makes them wait each time, in milliseconds.
    assert lock_timeouts.LOCK_TIMEOUT <= 1_000
