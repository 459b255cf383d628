"""Run every example of « Prise en main », in order, against a server, and compare what it prints.

A block that is told to print is followed by a block `text`, in which « … » stands for whatever comes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.db import connections
from django.urls import resolve
from django.utils import timezone
from django_tenants.utils import tenant_context

from api.documentation import GETTING_STARTED
from licensing.orders import operations as orders
from tests.api.client import create_token
from tests.factories.schools import SchoolFactory
from tests.waits import LAST_S
from tests.workers import build_environment

ITS_OFFICE = "https://nimes.peps.example"
SCHOOLS = {
    "0300123W": "École élémentaire Jean Jaurès",
    "0300124X": "École élémentaire Marie Curie",
    "0300125Y": "École maternelle Les Tilleuls",
}
_FENCED = re.compile(r"^```(bash|python)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"(?:/api/v1|[\"'])(/(?:schools|pools|allocations|imports|webhooks)[\w/{}.\[\]']*)")

#: Executes the Python blocks it reads in one namespace; resolves the office's host to the test server.
INTERPRETER = """
import json, socket, sys, traceback
ask = socket.getaddrinfo
here = lambda host: "127.0.0.1" if host.endswith(".localhost") else host
socket.getaddrinfo = lambda host, *more, **named: ask(here(host), *more, **named)
names = {"__name__": "__main__"}
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "docs/api.md", "exec"), names)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    print("\\x04", flush=True)
"""


@dataclass(frozen=True)
class PageExample:
    """An example and its expected output."""

    language: str
    code: str
    printed: str

    @property
    def addresses(self) -> set[str]:
        """Return the API URLs it calls."""
        return {re.sub(r"\{[^}]*\}", "1", found) for found in _ADDRESS.findall(self.code)}


def blocks() -> list[PageExample]:
    """Return the examples of the page, in order."""
    text = GETTING_STARTED.read_text(encoding="utf-8")
    return [PageExample(language, code, printed) for language, code, printed in _FENCED.findall(text)]


def as_printed(expected: str) -> re.Pattern[str]:
    """Return a pattern for an expected output, in which « … » matches anything."""
    return re.compile(".*?".join(map(re.escape, expected.strip().split("…"))), re.DOTALL)


@contextmanager
def interpreter(surroundings, folder) -> Iterator[subprocess.Popen[str]]:
    """Run a Python process that keeps its namespace between blocks."""
    command = [sys.executable, "-u", "-c", INTERPRETER]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=surroundings, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def run_python(process, code) -> str:
    process.stdin.write(json.dumps(code) + "\n")
    process.stdin.flush()
    return "".join(iter(process.stdout.readline, "\x04\n"))


def run_bash(code, surroundings, folder) -> str:
    command = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(  # noqa: S603 - the page's own words
        command, env=surroundings, cwd=folder, capture_output=True, text=True, check=False, timeout=LAST_S
    )
    return done.stdout + done.stderr


def test_the_page_has_examples_in_both_languages():
    assert {block.language for block in blocks()} == {"bash", "python"}
    assert {address for block in blocks() for address in block.addresses} >= {"/schools", "/allocations/bulk"}


@pytest.mark.parametrize("address", sorted({address for block in blocks() for address in block.addresses}))
def test_every_example_calls_an_existing_url(address):
    assert resolve(f"/api/v1{address}", urlconf="config.urls_tenant").url_name != "nowhere"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is absent: apt-get install curl")
def test_every_example_prints_the_documented_output(committing, live_server, settings, monkeypatch, tmp_path):
    # The server's threads keep no connection once they have answered.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    port = live_server.thread.port
    settings.PUBLIC_PORT = str(port)
    with tenant_context(committing):
        for uai, name in SCHOOLS.items():
            SchoolFactory(uai=uai, name=name)
        pool = orders.grant(
            collectivity=committing, licences=100, reason="Essai", name="Achat 2026-2027", by=None, at=timezone.now()
        )
    data = {"PEPS_TOKEN": create_token().secret, "PEPS_POOL": str(pool.pk)}
    bare = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    here = f"http://nimes.{settings.BASE_DOMAIN}:{port}"
    worker = [sys.executable, "manage.py", "worker"]
    with (
        interpreter(bare | data, tmp_path) as python,
        subprocess.Popen(worker, env=build_environment(PUBLIC_PORT=str(port))) as works,  # noqa: S603 - our own command
    ):
        try:
            for block in blocks():
                code = block.code.replace(ITS_OFFICE, here)
                if block.language == "python":
                    printed = run_python(python, code)
                else:
                    printed = run_bash(code, bare | data, tmp_path)
                assert as_printed(block.printed).fullmatch(printed.strip()), f"{block.code}\n→ {printed}"
        finally:
            works.terminate()
