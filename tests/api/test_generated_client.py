"""A client that a generator wrote from the description alone does all that an information system does."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.program import token
from tests.api.serving import at_office
from tests.factories.schools import SchoolFactory

PACKAGE = "client_of_pep_s"


@pytest.fixture
def generated(live_server, committing, tmp_path, monkeypatch):
    """Generate the client; return what makes one of its calls: `generated("list_schools")(limit=2)`."""
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    secret = token().secret
    with at_office(live_server) as address:
        command = [
            str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--fail-on-warning",
            "--url", f"{address}/api/v1/openapi.json", "--meta", "none", "--config", str(tmp_path / "config.yml"),
            "--output-path", str(tmp_path / PACKAGE),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        assert done.returncode == 0, done.stdout + done.stderr
        monkeypatch.syspath_prepend(tmp_path)
        client = importlib.import_module(PACKAGE).AuthenticatedClient(base_url=address, token=secret, timeout=60)
        with client as asking:
            yield lambda name: _call(tmp_path / PACKAGE, name, asking)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def _call(package, name, client):
    [found] = package.glob(f"api/*/{name}.py")
    module = importlib.import_module(f"{PACKAGE}.api.{found.parent.name}.{name}")

    def call(*args, **kwargs):
        answer = module.sync_detailed(*args, client=client, **kwargs)
        assert answer.parsed is not None, (answer.status_code, answer.content)
        return answer.parsed

    return call


def test_the_whole_thread(generated):
    uais = sorted(SchoolFactory().uai for _ in range(3))
    first = generated("list_schools")(limit=2)
    cursor = parse_qs(urlsplit(first.next_).query)["cursor"][0]
    rest = generated("list_schools")(limit=2, cursor=cursor)
    assert [school.uai for school in [*first.data, *rest.data]] == uais
    assert generated("get_school")(uais[0]).uai == uais[0]
