"""`/imports`: upload, check, apply, cancel and undo a spreadsheet."""

import datetime
import uuid

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.models import AuditEntry, PortfolioSchool
from imports import tasks
from imports.models import ImportProgress, SpreadsheetImport
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate
from mailing.models import Message
from tests.api import spreadsheets
from tests.api.client import assert_problem, create_client
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.sample_files import build_xlsx, schools_csv

pytestmark = pytest.mark.slow


@pytest.fixture
def pool(nimes):
    return PoolFactory(capacity=100)


def test_an_import_is_applied_and_undone(api, pool):
    one, two = SchoolFactory.create_batch(2)
    answer = spreadsheets.upload(api, schools_csv((one, 3), (two, 2)), purpose="allocation", pool=pool.pk)
    table = answer.json()
    assert (answer.status_code, table["state"], table["plan"], table["layout"]) == (201, "uploaded", None, None)
    assert answer["Location"].endswith(f"/api/v1/imports/{table['id']}")
    assert (table["created_by"], table["pool"], table["filename"]) == (
        "Jeton « SI de la ville »", pool.pk, "écoles.csv",
    )  # fmt: skip
    table = spreadsheets.run_check(api, table["id"])
    assert (table["state"], table["counts"]["new"]) == ("checked", 2)
    plan = {
        "rows": 2,
        "created": 2,
        "units": 5,
        "free": 100,
        "missing": 0,
        "errors": 0,
        "conflicts": 0,
        "confirmation": None,
    }
    assert plan.items() <= table["plan"].items()
    assert not Allocation.objects.exists()

    answer = spreadsheets.request_apply(api, table)
    assert (answer.status_code, answer.json()["state"]) == (202, "applying")
    again = spreadsheets.request_apply(api, table)
    assert (again.status_code, again.json()["state"]) == (202, "applying")
    tasks.apply(import_id=table["id"], confirmed_at=timezone.now().isoformat())
    table = spreadsheets.get_import(api, table["id"])
    assert (table["state"], table["applied_by"]) == ("applied", "Jeton « SI de la ville »")
    assert table["outcome"] == {
        "allocations": 2, "grown": 0, "reduced": 0, "revoked": 0, "units": 5, "returned": 0, "messages": 2,
    }  # fmt: skip
    assert Allocation.objects.active().count() == 2
    assert AuditEntry.objects.get(action="import.applied").actor_name == "Jeton « SI de la ville »"

    planned = api.get(f"/imports/{table['id']}/undo").json()
    assert planned == {
        "done": False, "revoked": 2, "reduced": 0, "units": 5, "removed": 0, "restored": 0, "messages": 0,
        "kept_count": 0, "kept": [],
    }  # fmt: skip
    table = spreadsheets.undo_import(api, table["id"])
    assert (table["state"], table["outcome"]["undone"]["units"]) == ("undone", 5)
    assert api.get(f"/imports/{table['id']}/undo").json() == planned | {"done": True}
    assert api.post(f"/imports/{table['id']}/undo").json()["state"] == "undone"
    assert not Allocation.objects.active().exists()


def test_an_import_updates_the_portfolio(api):
    one, there = SchoolFactory(), PortfolioSchoolFactory(classes=3).school
    content = schools_csv((one, 4, "a@ville.example"), (there, 5, ""), titles=("UAI", "Classes", "E-mail"))
    table = spreadsheets.upload_and_apply(api, content, purpose="portfolio")
    assert (table["pool"], table["outcome"]) == (None, {"added": 1, "updated": 1})
    assert PortfolioSchool.objects.get(school=there).classes == 5
    planned = api.get(f"/imports/{table['id']}/undo").json()
    assert (planned["removed"], planned["restored"]) == (1, 1)
    assert spreadsheets.undo_import(api, table["id"])["outcome"]["undone"] == {"removed": 1, "restored": 1, "kept": 0}


def test_undoing_lists_what_it_leaves(api, pool):
    school = SchoolFactory()
    table = spreadsheets.upload_and_apply(api, schools_csv((school, 3)), purpose="allocation", pool=pool.pk)
    Allocation.objects.update(units=4)
    planned = api.get(f"/imports/{table['id']}/undo").json()
    assert (planned["revoked"], planned["kept_count"]) == (0, 1)
    assert (planned["kept"][0]["uai"], planned["kept"][0]["code"]) == (school.uai, "changed")


@pytest.mark.small
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"purpose": "allocation"}, "pool_missing"),
        ({"purpose": "allocation", "pool": 0}, "pool_not_open"),
        ({"purpose": "allocation", "pool": 2_147_483_647}, "pool_not_open"),
        ({"purpose": "allocation", "pool": "own", "volume": "all"}, "invalid_volume"),
        ({"purpose": "allocation", "pool": "own", "units_for_all": 3}, "invalid_volume"),
        ({"purpose": "allocation", "pool": "own", "volume": "classes", "units_for_all": 3}, "invalid_volume"),
        ({"purpose": "portfolio", "pool": "own"}, "not_an_allocation"),
        ({"purpose": "portfolio", "volume": "classes"}, "not_an_allocation"),
    ],
)
def test_incompatible_form_fields_are_refused(api, pool, fields, code):
    given = {name: pool.pk if value == "own" else value for name, value in fields.items()}
    assert_problem(spreadsheets.upload(api, b"UAI", **given), 409, code)
    assert not SpreadsheetImport.objects.exists()


def test_a_foreign_pool_an_empty_pool_and_an_empty_file_are_refused(api, gard):
    with tenant_context(gard):
        theirs = PoolFactory()
    for lot in (theirs, PoolFactory(capacity=1, allocated=1)):
        assert_problem(spreadsheets.upload(api, b"UAI", purpose="allocation", pool=lot.pk + 1000), 409, "pool_not_open")
    assert_problem(spreadsheets.upload(api, b"", purpose="portfolio"), 409, "empty_file")


@pytest.mark.small
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"purpose": "autre"}, "purpose"),
        ({}, "purpose"),
        ({"purpose": "portfolio", "pool": "x"}, "pool"),
        ({"purpose": "portfolio", "pool": "-1"}, "pool"),
        ({"purpose": "portfolio", "pool": str(10**12)}, "pool"),
        ({"purpose": "portfolio", "pool": str(10**30)}, "pool"),
        ({"purpose": "portfolio", "volume": "tout"}, "volume"),
        ({"purpose": "allocation", "units_for_all": "0"}, "units_for_all"),
        ({"purpose": "portfolio", "lot": "1"}, "lot"),
    ],
)
def test_a_wrong_field_of_the_form_is_named(api, fields, field):
    result = assert_problem(spreadsheets.upload(api, b"UAI", **fields), 400, "invalid_request")
    assert [fault["field"] for fault in result["errors"]] == [field]


@pytest.mark.small
def test_a_form_without_a_file_and_a_file_that_is_a_text(api):
    for sent in ({"purpose": "portfolio"}, {"purpose": "portfolio", "file": "UAI"}):
        result = assert_problem(api.upload("/imports", sent), 400, "invalid_request")
        assert [fault["field"] for fault in result["errors"]] == ["file"]


def test_a_body_that_is_no_form_is_refused(api):
    assert_problem(api.post("/imports", {"purpose": "portfolio"}), 415, "unsupported_media_type")
    headers = {"Authorization": f"Bearer {api.secret}"}
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = api.client.post("/api/v1/imports", b"rien", content_type=content_type, headers=headers)
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
    twice = "".join(
        f'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{value}\r\n'
        for value in ("portfolio", "allocation")
    )
    answer = api.client.post(
        "/api/v1/imports", f"{twice}--x--\r\n".encode(), content_type="multipart/form-data; boundary=x", headers=headers
    )
    assert "plusieurs fois" in assert_problem(answer, 400, "parse_error")["detail"]
    many = {f"champ{number}": "x" for number in range(1001)}
    assert_problem(api.upload("/imports", many), 400, "parse_error")
    assert_problem(spreadsheets.upload(api, b"UAI", purpose="portfolio" * 1_000_000), 400, "parse_error")


def test_a_file_above_twenty_megabytes_is_not_kept(api):
    for size in (20 * 1024 * 1024 + 1, 21 * 1024 * 1024):
        result = assert_problem(spreadsheets.upload(api, b"x" * size, purpose="portfolio"), 413, "body_too_large")
        assert "20 Mo" in result["detail"]
    assert not SpreadsheetImport.objects.exists()


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(api):
    table = spreadsheets.upload_and_check(api, b"PK\x03\x04 rien", purpose="portfolio")
    assert table["state"] == "rejected"
    assert table["rejection"]["code"]
    assert table["rejection"]["detail"]
    assert_problem(
        spreadsheets.request_apply(api, {"id": table["id"], "plan": {"confirmation": None, "digest": "0-0"}}),
        409,
        "invalid_state",
    )


def form(boundary, content, pool):
    parts = [
        b'Content-Disposition: form-data; name="purpose"\r\n\r\nallocation\r\n',
        f'Content-Disposition: form-data; name="pool"\r\n\r\n{pool.pk}\r\n'.encode(),
        b'Content-Disposition: form-data; name="file"; filename="ecoles.csv"\r\n\r\n' + content + b"\r\n",
    ]
    mark = f"--{boundary}\r\n".encode()
    return b"".join(mark + part for part in parts) + f"--{boundary}--\r\n".encode()


def test_a_retry_with_another_multipart_boundary_is_the_same_request(api, pool):
    content = schools_csv((SchoolFactory(), 3))
    client = Client(HTTP_HOST=f"nimes.{settings.BASE_DOMAIN}")
    headers = {"Authorization": f"Bearer {api.secret}", "Idempotency-Key": str(uuid.uuid4())}

    def send(boundary, sent):
        return client.post(
            "/api/v1/imports",
            form(boundary, sent, pool),
            content_type=f"multipart/form-data; boundary={boundary}",
            headers=headers,
        )

    first, again = send("un", content), send("deux", content)
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
    assert (again.json(), again["Location"]) == (first.json(), first["Location"])
    assert SpreadsheetImport.objects.count() == 1
    assert_problem(send("un", content + b"\r\n"), 422, "idempotency_key_reused")
    assert bytes(SpreadsheetImport.objects.get().file.content) == content


def test_the_confirmation_requires_its_count(api):
    pool = PoolFactory(capacity=10)
    table = spreadsheets.upload_and_check(api, schools_csv((SchoolFactory(), 9)), purpose="allocation", pool=pool.pk)
    assert table["plan"]["confirmation"]["count"] == 9
    path, digest = f"/imports/{table['id']}/apply", table["plan"]["digest"]
    result = assert_problem(api.post(path, {"digest": digest}), 409, "confirmation_required")
    assert result["detail"] == table["plan"]["confirmation"]["reason"]
    assert_problem(api.post(path, {"digest": digest, "confirmation_count": 8}), 409, "confirmation_required")
    assert api.post(path, {"digest": digest, "confirmation_count": 9}).status_code == 202


def test_a_stale_digest_is_refused(api, pool):
    school = SchoolFactory()
    table = spreadsheets.upload_and_check(api, schools_csv((school, 3), ("x", 1)), purpose="allocation", pool=pool.pk)
    assert_problem(spreadsheets.request_apply(api, table), 409, "rows_in_error")
    [row] = spreadsheets.list_rows(api, table["id"], "?verdict=new")
    api.request("PATCH", f"/imports/{table['id']}/rows/{row['id']}", {"edits": {"units": "4"}})
    assert_problem(spreadsheets.request_apply(api, table, only_valid=True), 409, "outdated")
    assert (
        spreadsheets.request_apply(api, spreadsheets.get_import(api, table["id"]), only_valid=True).status_code == 202
    )


def test_a_pool_that_is_too_small_and_an_empty_plan_are_refused(api):
    pool = PoolFactory(capacity=2)
    table = spreadsheets.upload_and_check(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    assert table["plan"]["missing"] == 1
    assert_problem(spreadsheets.request_apply(api, table), 409, "not_enough_licences")
    [row] = spreadsheets.list_rows(api, table["id"])
    api.request("PATCH", f"/imports/{table['id']}/rows/{row['id']}", {"ticked": False})
    assert_problem(spreadsheets.request_apply(api, spreadsheets.get_import(api, table["id"])), 409, "nothing_to_apply")


def test_the_day_of_the_emails_is_in_the_future_and_within_a_year(api, pool):
    table = spreadsheets.upload_and_check(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    today = timezone.localdate()
    for day in (today - datetime.timedelta(days=1), pool.entitlement.last_day + datetime.timedelta(days=1)):
        assert_problem(spreadsheets.request_apply(api, table, send_on=day.isoformat()), 409, "invalid_send_date")
    assert_problem(spreadsheets.request_apply(api, table, send_on="demain"), 400, "invalid_request")
    day = today + datetime.timedelta(days=1)
    assert spreadsheets.request_apply(api, table, send_on=day.isoformat()).json()["send_on"] == day.isoformat()
    portfolio = spreadsheets.upload_and_check(
        api, schools_csv((SchoolFactory(), 3), titles=("UAI", "Classes")), purpose="portfolio"
    )
    assert_problem(spreadsheets.request_apply(api, portfolio, send_on=day.isoformat()), 409, "not_an_allocation")


def test_an_apply_refused_by_a_rule_returns_the_reason(api):
    pool = PoolFactory(capacity=10)
    school = SchoolFactory()
    table = spreadsheets.upload_and_check(api, schools_csv((school, 3)), purpose="allocation", pool=pool.pk)
    assert spreadsheets.request_apply(api, table).status_code == 202
    allocate(pool_id=pool.pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    tasks.apply(import_id=table["id"], confirmed_at=timezone.now().isoformat())
    table = spreadsheets.get_import(api, table["id"])
    assert (table["state"], table["rejection"]["code"], table["applied_by"]) == ("checked", "outdated", None)
    assert table["counts"]["changed"] == 1


def test_an_import_is_cancelled_once(api, pool):
    table = spreadsheets.upload_and_check(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    for _ in range(2):
        answer = api.post(f"/imports/{table['id']}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert AuditEntry.objects.filter(action="import.cancelled").count() == 1
    for step, body in (("apply", {"digest": "x"}), ("layout", {}), ("undo", {})):
        assert_problem(api.post(f"/imports/{table['id']}/{step}", body), 409, "invalid_state")
    assert_problem(api.get(f"/imports/{table['id']}/undo"), 409, "invalid_state")
    done = spreadsheets.upload_and_apply(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    assert_problem(api.post(f"/imports/{done['id']}/cancel"), 409, "invalid_state")


def test_progress_is_reported(api, pool):
    number = spreadsheets.upload(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk).json()[
        "id"
    ]
    ImportProgress.objects.create(
        pk=number, step="resolving", done=20, total=60, started_at=timezone.now() - datetime.timedelta(seconds=10)
    )
    progress = spreadsheets.get_import(api, number)["progress"]
    assert 15 <= progress.pop("seconds_left") <= 25
    assert progress == {
        "step": "resolving", "label": "Recherche des écoles dans l'annuaire", "done": 20, "total": 60, "percent": 33,
        "stopping": False,
    }  # fmt: skip


def test_imports_are_listed_newest_first(api, pool):
    done = spreadsheets.upload_and_apply(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    portfolio = spreadsheets.upload_and_check(
        api, schools_csv((SchoolFactory(), 3), titles=("UAI", "Classes")), purpose="portfolio"
    )
    listed = api.get("/imports").json()["data"]
    assert [one["id"] for one in listed] == [portfolio["id"], done["id"]]
    assert listed[1] == {name: done[name] for name in listed[1]}
    for query, found in {
        "state=applied": done,
        "purpose=portfolio": portfolio,
        "state=checked&state=read": portfolio,
    }.items():
        assert [one["id"] for one in api.get(f"/imports?{query}").json()["data"]] == [found["id"]]
    assert_problem(api.get("/imports?state=fini"), 400, "invalid_request")
    assert_problem(
        spreadsheets.upload(create_client(scopes=["read"]), b"UAI", purpose="portfolio"), 403, "insufficient_scope"
    )


@pytest.mark.small
@pytest.mark.parametrize("number", ["0", "-1", str(10**12), str(10**30), "x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("POST", "/layout"), ("GET", "/rows"), ("GET", "/rows/1"), ("PATCH", "/rows/1"),
        ("POST", "/apply"), ("POST", "/cancel"), ("POST", "/undo"), ("GET", "/undo"),
    ],
)  # fmt: skip
def test_an_unknown_import_is_a_404(api, method, path, number):
    assert_problem(api.request(method, f"/imports/{number}{path}", None if method == "GET" else {}), 404, "not_found")


def test_an_import_costs_as_many_queries_whatever_its_length(api, django_assert_num_queries):
    pool = PoolFactory(capacity=1000)
    for size in (2, 12):
        content = schools_csv(*[(SchoolFactory(), 2) for _ in range(size)])
        table = spreadsheets.upload_and_check(api, content, purpose="allocation", pool=pool.pk)
        # The host, the schema, the token, its limit; the import; counts, people, digest, pool, guard, plan.
        with django_assert_num_queries(14):
            api.get(f"/imports/{table['id']}")
        with django_assert_num_queries(9):
            api.get("/imports")
        with django_assert_num_queries(8):
            api.get(f"/imports/{table['id']}/rows")


def test_the_office_shows_what_a_token_did_and_emails_no_token(api, pool, office):
    school = SchoolFactory()
    table = spreadsheets.upload_and_apply(api, schools_csv((school, 3)), purpose="allocation", pool=pool.pk)
    manager = office("nimes", MemberFactory().user)
    for path in ("/", "/imports/", f"/imports/{table['id']}/", "/journal/"):
        page = manager.get(path)
        assert page.status_code == 200, path
        assert "Jeton « SI de la ville »" in page.content.decode(), path
    account = SpreadsheetImport.objects.get().created_by_id
    assert manager.get(f"/imports/?who={account}").content.decode().count("écoles.csv") >= 1
    spreadsheets.undo_import(api, table["id"])
    assert "Jeton « SI de la ville »" in manager.get(f"/imports/{table['id']}/").content.decode()
    assert not Message.objects.exclude(recipient=school.email).exists()


def test_rows_can_be_filtered_by_sheet(api, pool):
    schools = SchoolFactory.create_batch(2)
    titles = ["UAI", "Licences"]
    content = build_xlsx([titles, [schools[0].uai, 1]], sheet="Nord", more={"Sud": [titles, [schools[1].uai, 2]]})
    table = spreadsheets.upload_and_check(api, content, purpose="allocation", pool=pool.pk, name="écoles.xlsx")
    assert [(one["sheet"], one["index"], one["header_row"]) for one in table["layout"]["read_sheets"]] == [
        ("Nord", 0, 1), ("Sud", 1, 1),
    ]  # fmt: skip
    found = spreadsheets.list_rows(api, table["id"])
    assert [(row["sheet"], row["number"], row["uai"]) for row in found] == [
        (0, 2, schools[0].uai), (1, 2, schools[1].uai),
    ]  # fmt: skip
    assert [row["uai"] for row in spreadsheets.list_rows(api, table["id"], "?sheet=1")] == [schools[1].uai]
