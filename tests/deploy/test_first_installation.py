"""docs/deploy.md, « First installation »: what it says can be typed as it stands, and leads to a sent key.

The walk itself takes minutes and the package registries: `make guide-check`.
"""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from sites.demo import directory
from tests.deploy import machine_root
from tests.deploy.guide_steps import GUIDE, build_script, list_values, read_steps
from tests.smtp_sink import RecordingSink
from tests.waits import NotInTime, wait_until

ROOT = Path(settings.ROOT)
STEPS = read_steps(GUIDE.read_text(encoding="utf-8"))
MAILBOX = "exploitant@peps.example"
KEY = re.compile(r"\bESSAI(?:-[0-9A-Z]{4}){3}\b")
#: Installation, from the packages to the letter. The guide promises ten.
MAX_MINUTES = 25
#: Of PostgreSQL, nginx and the web processes.
PORTS = (80, 443, 5432, 8000)
#: The directory's server is out of reach here: it is asked for no other address.
CURL = """#!/bin/bash
case "$*" in
*/fr-en-annuaire-education/exports/csv*) while [ "$1" != --output ]; do shift; done; exec cp /srv/annuaire.csv "$2" ;;
*) exec /usr/bin/curl "$@" ;;
esac
"""


def test_the_steps_are_numbered_and_each_has_commands_of_root():
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))
    assert [step.title for step in STEPS if not step.commands] == []
    assert list_values(STEPS[0]).keys() == {"DOMAIN", "MAILBOX", "SMTP_SERVER", "SMTP_PORT", "SOURCE", "SCHOOL"}


def test_the_script_of_the_steps_is_one_of_bash():
    script = build_script(STEPS, list_values(STEPS[0]))
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)  # noqa: S607
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_steps_take_from_the_project_is_there():
    named = set(re.findall(r"/opt/peps/([\w./-]+)", build_script(STEPS, list_values(STEPS[0]))))
    assert "deploy/nginx/peps.conf" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "command", ["create_database_roles", "sync_directory", "open_collectivity", "open_pool", "import_spreadsheet"]
)
def test_the_commands_of_the_steps_are_those_of_the_project(command):
    assert any(re.search(rf"\bpeps {command}\b", line) for step in STEPS for line in step.commands)


def test_what_follows_the_example_of_variables_sets_each_of_its_empty_ones():
    """A variable of the example that is left as it stands would be an example's."""
    example = (ROOT / "deploy/systemd/peps.env.example").read_text(encoding="utf-8")
    script = build_script(STEPS, list_values(STEPS[0]))
    left = re.findall(r"^([A-Z_]+)=(?:|.*(?:example|PASSWORD).*|127\.0\.0\.1)$", example, re.MULTILINE)
    assert left
    assert [name for name in left if f"^{name}=" not in script and name != "DATABASE_URL"] == []


def is_port_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def describe_walk_obstacle():
    """Return why the guide is not followed here; empty where it is."""
    if not os.environ.get("GUIDE_CHECK"):
        return "it takes minutes and the package registries: make guide-check"
    if obstacle := machine_root.find_obstacle():
        return obstacle
    if not Path("/etc/debian_version").exists():
        return "the guide is for Debian"
    if taken := [str(port) for port in PORTS if is_port_taken(port)]:
        return f"servers of this machine listen on ports of the guide's: {', '.join(taken)}"
    return ""


@pytest.mark.skipif(bool(describe_walk_obstacle()), reason=describe_walk_obstacle())
def test_the_guide_leads_from_an_empty_machine_to_a_sent_key(tmp_path):
    """With GUIDE_ROOT above a folder that debootstrap has filled; without, above this machine's own root."""
    root = Path(os.environ.get("GUIDE_ROOT") or "/")
    log = settings.DATA / "guide.log"
    clone, school = tmp_path / "peps.bundle", directory.list_eligible_schools()[0]["Identifiant_de_l_etablissement"]
    bundle = ["git", "bundle", "create", "--quiet", str(clone), "HEAD"]
    subprocess.run(bundle, cwd=ROOT, check=True)  # noqa: S603 - our own command
    directory.write_csv(tmp_path / "annuaire.csv")
    files = {
        "/srv/peps.bundle": clone.read_bytes(),
        "/srv/annuaire.csv": (tmp_path / "annuaire.csv").read_bytes(),
        "/usr/local/bin/curl": CURL,
    }
    if shutil.which("systemctl", path=f"{root}/usr/bin") is None or not Path("/run/systemd/system").exists():
        files["/usr/local/sbin/systemctl"] = (ROOT / "tests/deploy/unit_runner.py").read_bytes()
    with RecordingSink() as sink:
        values = {
            "DOMAIN": "peps.example",
            "MAILBOX": MAILBOX,
            "SMTP_SERVER": "127.0.0.1",
            "SMTP_PORT": str(sink.port),
            "SOURCE": "/srv/peps.bundle",
            "SCHOOL": school,
        }
        # What was started goes on until the letters were read.
        script = build_script(STEPS, values) + "read -r -u 3 || true\n"
        machine = machine_root.running_script(script, root=root, folder=tmp_path / "machine", files=files, log=log)
        with machine as process:
            try:
                wait_until(
                    lambda: process.poll() is not None or any(KEY.search(read_text(mail)) for mail in sink.received),
                    # The network, too, is waited for.
                    idle_s=MAX_MINUTES * 60,
                    last_s=MAX_MINUTES * 60,
                )
            except NotInTime as error:
                error.add_note(log.read_text(encoding="utf-8")[-5000:])
                raise
            assert process.poll() is None, log.read_text(encoding="utf-8")[-5000:]
        assert {mail.recipients for mail in sink.received} == {(MAILBOX,)}
        texts = [read_text(mail) for mail in sink.received]
    assert any("/invitation/" in text for text in texts)


def read_text(mail):
    body = mail.email.get_body(("plain",))
    return body.get_content() if body else ""
