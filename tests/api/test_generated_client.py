"""A client generated from the OpenAPI description alone can run the full workflow."""

import importlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from licensing.orders.operations import grant
from tests.api.client import create_token
from tests.api.office_server import route_to_office
from tests.factories.schools import SchoolFactory
from tests.waits import LAST_S, NotInTime, wait_until
from tests.workers import running_worker

PACKAGE = "client_of_pep_s"


@pytest.fixture
def generated(live_server, committing, tmp_path, monkeypatch):
    """Generate the client; return a caller: `generated("list_schools")(limit=2)`."""
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    secret = create_token().secret
    with route_to_office(live_server) as address:
        command = [
            str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--fail-on-warning",
            "--url", f"{address}/api/v1/openapi.json", "--meta", "none", "--config", str(tmp_path / "config.yml"),
            "--output-path", str(tmp_path / PACKAGE),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        assert done.returncode == 0, done.stdout + done.stderr
        monkeypatch.syspath_prepend(tmp_path)
        client = importlib.import_module(PACKAGE).AuthenticatedClient(base_url=address, token=secret, timeout=LAST_S)
        with client as asking:
            yield lambda name: _call(tmp_path / PACKAGE, name, asking)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def _call(package, name, client):
    [found] = package.glob(f"api/*/{name}.py")
    module = importlib.import_module(f"{PACKAGE}.api.{found.parent.name}.{name}")

    def call(*args, **kwargs):
        answer = module.sync_detailed(*args, client=client, **kwargs)
        assert type(answer.parsed).__name__ not in ("NoneType", "Problem"), (answer.status_code, answer.content)
        return answer.parsed

    return call


def models():
    return importlib.import_module(f"{PACKAGE}.models")


@pytest.mark.slow
def test_pages_follow_each_other(generated):
    uais = sorted(SchoolFactory().uai for _ in range(3))
    first = generated("list_schools")(limit=2)
    cursor = parse_qs(urlsplit(first.next_).query)["cursor"][0]
    rest = generated("list_schools")(limit=2, cursor=cursor)
    assert [school.uai for school in [*first.data, *rest.data]] == uais
    assert generated("get_school")(uais[0]).uai == uais[0]


@pytest.mark.slow
def test_a_generated_client_runs_the_full_workflow(generated, committing):
    """Portfolio, single and bulk allocations, an import, revocation, undo, events."""
    first, second, third = (SchoolFactory(name=f"École {name}").uai for name in ("Curie", "Hugo", "Zola"))
    grant(collectivity=committing, licences=100, reason="Essai", by=None, at=timezone.now())
    call_operation, models_of_client = generated, models()

    hook = call_operation("create_webhook")(
        body=models_of_client.NewWebhookRequest(url="https://si.ville.example/peps")
    )
    assert hook.secret.startswith("whsec_")
    contacts = [models_of_client.PortfolioRowRequest(uai=uai, classes=10) for uai in (first, second)]
    assert (
        call_operation("upsert_portfolio_schools")(body=models_of_client.PortfolioUpsertRequest(schools=contacts)).added
        == 2
    )
    assert [one.uai for one in call_operation("list_portfolio")().data] == sorted([first, second])

    [pool] = call_operation("list_pools")().data
    gift = models_of_client.CreateAllocationRequest(pool=pool.id, school=first, units=3)
    given, again = (call_operation("create_allocation")(body=gift, idempotency_key="une-fois") for _ in range(2))
    assert given == again
    rows = [models_of_client.AllocationRowRequest(school=uai, units=4) for uai in (second, third)]
    together = call_operation("create_allocations")(
        body=models_of_client.BulkAllocationRequest(
            pool=pool.id, mode=models_of_client.AllocationMode("all_or_nothing"), allocations=rows
        )
    )
    assert (together.created, together.units) == (2, 8)
    resent = call_operation("resend_allocation")(
        given.id, body=models_of_client.ResendRequest(recipient="direction@ecole.example")
    )
    assert resent.recipient == "direction@ecole.example"
    taken = call_operation("revoke_allocations")(body=models_of_client.AllocationIdsRequest(allocations=[given.id]))
    assert (taken.done, call_operation("get_allocation")(given.id).state.value) == (1, "revoked")

    with running_worker():
        list_ = importlib.import_module(f"{PACKAGE}.types").File(
            BytesIO(f"UAI;Licences\n{first};2\n{second};6\n".encode()), "ecoles.csv", "text/csv"
        )
        table = call_operation("upload_import")(
            body=models_of_client.ImportUploadRequest(
                file=list_, purpose=models_of_client.ImportPurpose("allocation"), pool=pool.id
            )
        )
        read = _wait_for_import(call_operation, table.id, "checked")
        assert (read.plan.created, read.plan.grown, read.plan.units) == (1, 1, 4)
        assert [row.uai for row in call_operation("list_import_rows")(table.id).data] == [first, second]
        call_operation("apply_import")(table.id, body=models_of_client.ApplyImportRequest(digest=read.plan.digest))
        assert _wait_for_import(call_operation, table.id, "applied").outcome.units == 4
        assert call_operation("get_pool")(pool.id).free == 88
        call_operation("undo_import")(table.id)
        _wait_for_import(call_operation, table.id, "undone")
    assert call_operation("get_pool")(pool.id).free == 92

    assert {one.type_.value for one in call_operation("list_events")().data} >= {
        "allocation.issued",
        "allocation.revoked",
    }
    assert call_operation("list_deliveries")(hook.id).data
    assert all(one.recipient for one in call_operation("list_messages")().data)
    assert call_operation("list_members")().data == []


def _wait_for_import(call_operation, number, state):
    """Wait until the spreadsheet is in that state, and return it."""
    found = {}

    def reached():
        found["table"] = call_operation("get_import")(number)
        return found["table"].state.value == state

    try:
        wait_until(reached)
    except NotInTime as error:
        error.add_note(f"It is {found['table']}.")
        raise
    return found["table"]
