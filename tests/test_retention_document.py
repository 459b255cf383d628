"""docs/retention.md has a line for each table of the database, and says the times and the tasks of the code."""

import datetime
import html
import re

from django.db import connection

from imports.models import CONTENTS_KEPT
from jobs import retention
from mailing.models import MESSAGES_KEPT
from tests.test_documents import ROOT, resolves

DOCUMENT = ROOT / "docs" / "retention.md"
DAY = datetime.timedelta(days=1)
#: As the document says the times that the code declares.
WORDS = {
    8 * DAY: "8 days", DAY: "1 day", 30 * DAY: "30 days", 90 * DAY: "90 days", 365 * DAY: "1 year",
    548 * DAY: "18 months", 1096 * DAY: "3 years", 1127 * DAY: "3 years and a month",
    datetime.timedelta(hours=1): "an hour", datetime.timedelta(): "with its import's contents",
}  # fmt: skip


def read_lines():
    """Return the lines of the tables: what is held, how long, and what deletes it, by table."""
    lines = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert len({table for table, *_ in lines}) == len(lines)
    return {table: (held, kept, deleted) for table, held, kept, deleted in lines}


def test_each_table_has_its_line_and_each_line_its_table(nimes):
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tablename FROM pg_tables WHERE schemaname IN ('public', 'c_nimes')")
        tables = {table for (table,) in cursor.fetchall()}
    assert {"web_cache", "procrastinate_jobs", "imports_importrow", "orders_order"} <= tables
    assert read_lines().keys() - tables == set()
    assert tables - read_lines().keys() == set()


def test_each_line_says_what_deletes_the_rows_or_why_nothing_does():
    for table, (_, _, deleted) in read_lines().items():
        names = re.findall(r"`([a-z_.]+)`", deleted)
        assert all("." in name and resolves(name) for name in names), (table, names)
        assert names or re.match(r"nothing( of ours)?: \w", deleted), table


def test_declared_times_are_those_of_the_document():
    lines = read_lines()
    for one in retention.retentions.values():
        _, kept, deleted = lines[one.table]
        assert kept == WORDS[one.kept_for], one.table
        assert not deleted.startswith("nothing"), one.table


def test_what_the_general_job_deletes_is_declared():
    declared = {one.table for one in retention.retentions.values() if one.remove is not None}
    named = {table for table, (_, _, deleted) in read_lines().items() if "jobs.retention." in deleted}
    assert named == declared - {"imports_spreadsheetimport"}


def test_people_read_the_times_of_the_code(portal):
    """The legal notice says them in words: whoever changes one changes both."""
    assert (MESSAGES_KEPT, CONTENTS_KEPT) == (1096 * DAY, 548 * DAY)
    declared = {one.table: one.kept_for for one in retention.retentions.values()}
    assert declared["invitations_teacherinvitation"] == 90 * DAY
    assert declared["collectivities_invitation"] == 365 * DAY
    assert declared["tenants_officerequest"] == 1096 * DAY
    page = portal.get("/mentions-legales/").content.decode()
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())
    for sentence in (
        "sont supprimés au bout de trois ans",
        "dix-huit mois après la dernière action",
        "trois mois après la fin de l’invitation",
        "un an après ; une demande de bureau, trois ans après la réponse",
    ):
        assert sentence in words
