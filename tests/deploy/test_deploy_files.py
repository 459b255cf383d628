"""`deploy/`: what an operator copies is what docs/deploy.md says, and what systemd, nginx and Caddy accept."""

import contextlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from django.conf import settings

from api.problem_details import CONTENT_TYPE, serialize_problem
from bench import proxy
from bench.proxy import find_program, running_nginx, write_nginx_configuration
from bench.registry import Unmeasurable
from sites.demo.processes import find_free_port
from tests.certificates import write_certificate

ROOT = Path(settings.ROOT)
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
GUIDE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
#: `systemd-analyze security`: from 0 (safe) to 10.
MAX_EXPOSURE = 20
#: For people, below the address of the API.
DOCUMENTATION = "/api/v1/documentation/errors/"
ENV_FILES = sorted((ROOT / "deploy").glob("*/*.example"))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return done.returncode, done.stdout + done.stderr


def list_commands(unit):
    return re.findall(r"^ExecStart=/opt/peps/\.venv/bin/(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_units_run_the_commands_of_the_guide():
    commands = [command for unit in UNITS for command in list_commands(unit)]
    assert len(commands) == 4
    for command in commands:
        assert f"{command}" in GUIDE, command


def test_gunicorn_opens_no_control_socket():
    """By which whoever may write to it stops the site."""
    commands = [
        line
        for path in (*UNITS, ROOT / "deploy/container/Containerfile", ROOT / "docs/deploy.md")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "config.wsgi" in line
    ]
    assert len(commands) == 3
    assert [line for line in commands if "--no-control-socket" not in line] == []


def test_no_process_reads_the_history_of_the_checkout():
    assert [unit.name for unit in UNITS if "\nInaccessiblePaths=-/opt/peps/.git\n" not in unit.read_text("utf-8")] == []


def test_no_running_process_knows_the_owner_of_the_database():
    with_owner = [unit.name for unit in UNITS if "owner.env" in unit.read_text(encoding="utf-8")]
    assert with_owner == ["peps-migrate.service"]


@pytest.mark.parametrize("path", ENV_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_variables_of_the_examples_are_those_of_the_guide(path):
    names = re.findall(r"^([A-Z_]+)=", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert names
    assert [name for name in names if f"`{name}`" not in GUIDE] == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("audit", "peps||"),
        ("createsuperuser", "peps|postgresql://owner|"),
        ("create_database_roles", "postgres|postgresql://owner|postgresql://"),
    ],
)
def test_the_command_of_the_server_s_keepers_reads_values_as_systemd_does(command, expected, tmp_path):
    """Literally; the owner of the database is known to two commands alone."""
    secret = """a b$HOME"'`x`=\\n#;"""
    (tmp_path / "peps.env").write_text(f"# A comment\nSECRET_KEY={secret}\n", encoding="utf-8")
    (tmp_path / "owner.env").write_text("OWNER_DATABASE_URL=postgresql://owner\n", encoding="utf-8")
    text = (ROOT / "deploy/systemd/peps").read_text(encoding="utf-8")
    text, _, started = text.replace("/etc/peps", str(tmp_path)).partition("cd /opt/peps")
    assert 'exec runuser --user "$user" -- .venv/bin/python manage.py "$@"' in started
    names = '"$user" "${OWNER_DATABASE_URL:-}" "${ADMINISTRATOR_DATABASE_URL:-}" "$SECRET_KEY"'
    (tmp_path / "peps").write_text(f"{text}printf '%s|%s|%.13s\\n%s' {names}", encoding="utf-8")
    code, answer = run("sh", tmp_path / "peps", command)
    assert (code, answer) == (0, f"{expected}\n{secret}")


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
@pytest.mark.skipif(find_program("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units_and_finds_them_little_exposed(unit, tmp_path):
    checked = tmp_path / unit.name
    # The program of the unit is not on this machine.
    text = re.sub(r"/opt/peps/\.venv/bin/\w+", sys.executable, unit.read_text(encoding="utf-8"))
    checked.write_text(text, encoding="utf-8")
    assert run("systemd-analyze", "verify", "--man=no", checked) == (0, "")
    code, answer = run("systemd-analyze", "security", "--offline=yes", f"--threshold={MAX_EXPOSURE}", checked)
    assert code == 0, answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The folder of a certificate that nobody trusts, as the examples name its files."""
    folder = tmp_path_factory.mktemp("certificate")
    write_certificate(folder, x509.DNSName("peps.example"), x509.DNSName("*.peps.example"))
    return folder


def copy_with_certificate(source, target, certificate):
    text = (ROOT / source).read_text(encoding="utf-8")
    assert "/etc/ssl/peps/" in text
    target.write_text(text.replace("/etc/ssl/peps/", f"{certificate}/"), encoding="utf-8")


@pytest.mark.skipif(find_program("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_its_configuration(certificate, tmp_path):
    started, _ = write_nginx_configuration(certificate, tmp_path, web_port=find_free_port())
    code, answer = run(find_program("nginx"), "-t", "-q", "-c", str(started))
    assert (code, [line for line in answer.splitlines() if "[emerg]" in line or "[warn]" in line]) == (0, [])


def ask_nginx(certificate, folder, method, path):
    """Return the answer of nginx before no web process at all, and its content."""
    with running_nginx(certificate, folder, web_port=find_free_port()) as port:
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - a certificate of the test
        with socket.create_connection(("127.0.0.1", port)) as plain:
            # By its name, as nginx chooses the site by it.
            connection = http.client.HTTPConnection("nimes.peps.example")
            connection.sock = context.wrap_socket(plain, server_hostname="nimes.peps.example")
            with contextlib.closing(connection):
                connection.request(method, path, b"cle=PEPS" if method == "POST" else None)
                response = connection.getresponse()
                return response, response.read().decode()


@pytest.mark.parametrize(("method", "path"), [("GET", "/activer/"), ("POST", "/activer/"), ("GET", DOCUMENTATION)])
@pytest.mark.skipif(find_program("nginx") is None, reason="nginx is not installed")
def test_nginx_says_in_french_that_nobody_answers(method, path, certificate, tmp_path):
    response, content = ask_nginx(certificate, tmp_path, method, path)
    headers = ("Content-Type", "Cache-Control", "Retry-After")
    assert (response.status, *map(response.getheader, headers)) == (502, "text/html; charset=utf-8", "no-store", "10")
    assert content == (ROOT / "deploy/proxy/panne.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/schools"), ("POST", "/api/v1/allocations"), ("GET", f"/api/v1/webhooks/{'x' * 40}")],
)
@pytest.mark.skipif(find_program("nginx") is None, reason="nginx is not installed")
def test_nginx_says_so_to_programs_as_the_api_does(method, path, certificate, tmp_path):
    response, content = ask_nginx(certificate, tmp_path, method, path)
    headers = ("Content-Type", "Cache-Control", "Retry-After")
    assert (response.status, *map(response.getheader, headers)) == (503, CONTENT_TYPE, "no-store", "10")
    assert content == (ROOT / "deploy/proxy/panne.json").read_text(encoding="utf-8")
    # A path that may hold a token is in no error log.
    assert (path in (tmp_path / "nginx.log").read_text(encoding="utf-8")) == ("x" * 32 not in path)


def test_the_proxies_answer_for_programs_is_the_api_s_of_an_outage():
    answer = json.loads((ROOT / "deploy/proxy/panne.json").read_text(encoding="utf-8"))
    assert answer == serialize_problem("service_unavailable", answer["detail"], 503)
    assert "peut-être faite" in answer["detail"]
    assert "« Idempotency-Key »" in answer["detail"]


def test_both_proxies_show_what_is_shipped():
    for path in ("deploy/nginx/peps.conf", "deploy/caddy/Caddyfile"):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert "/opt/peps/deploy/proxy" in text
        assert "502" in text
        assert "504" in text
        assert "/panne.html" in text
        assert "/panne.json" in text
        assert CONTENT_TYPE in text


def test_nginx_speaks_tls_1_2_and_1_3_with_authenticated_ciphers_and_forward_secrecy():
    text = (ROOT / "deploy/nginx/peps.conf").read_text(encoding="utf-8")
    assert re.findall(r"ssl_protocols (.+);", text) == ["TLSv1.2 TLSv1.3"]
    [ciphers] = re.findall(r"ssl_ciphers (.+);", text)
    assert [one for one in ciphers.split(":") if not re.fullmatch(r"ECDHE-.*(GCM-SHA\d+|POLY1305)", one)] == []


def test_a_measure_that_needs_nginx_says_so_where_there_is_none(monkeypatch):
    monkeypatch.setattr(proxy, "find_program", lambda _: None)
    with pytest.raises(Unmeasurable, match="nginx-light"):
        proxy.require_nginx()


def find_caddy():
    """Return a Caddy that can be told to read requests whole; None where there is none."""
    program = find_program("caddy")
    version = re.match(r"v?(\d+)\.(\d+)", run(program, "version")[1]) if program else None
    return program if version and (int(version[1]), int(version[2])) >= (2, 7) else None


@pytest.mark.skipif(find_caddy() is None, reason="Caddy 2.7 or later is not installed")
def test_caddy_accepts_its_configuration(certificate, tmp_path):
    copy_with_certificate("deploy/caddy/Caddyfile", tmp_path / "Caddyfile", certificate)
    code, answer = run(find_caddy(), "validate", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile")
    assert code == 0, answer


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        (
            "deploy/nginx/peps.conf",
            ["client_max_body_size 25m;", "proxy_request_buffering on;", "X-Forwarded-For $remote_addr;"],
        ),
        ("deploy/caddy/Caddyfile", ["max_size 25MB", "request_buffers 26MB", "response_buffers"]),
    ],
)
def test_proxies_read_requests_whole_and_believe_no_visitor_s_address(path, rules):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert [rule for rule in rules if rule not in text] == []
    configured = re.sub(r"(?m)^\s*#.*$", "", text)
    assert "proxy_add_x_forwarded_for" not in configured
    assert "trusted_proxies" not in configured


@pytest.mark.skipif(find_program("pgbackrest") is None, reason="pgBackRest is not installed")
def test_pgbackrest_accepts_its_example(tmp_path):
    example = (ROOT / "deploy/pgbackrest/pgbackrest.conf").read_text(encoding="utf-8")
    written = tmp_path / "pgbackrest.conf"
    written.write_text(example.replace("/var/lib/pgbackrest", str(tmp_path / "repo")), encoding="utf-8")
    (tmp_path / "repo").mkdir()
    status, output = run("pgbackrest", f"--config={written}", "--log-level-file=off", "--stanza=peps", "info")
    assert (status, "WARN" in output, "missing stanza path" in output) == (0, False, True), output


def test_the_guide_names_the_stanza_and_the_files_of_the_examples():
    for path in sorted((ROOT / "deploy/pgbackrest").iterdir()):
        assert f"deploy/pgbackrest/{path.name}" in GUIDE
        assert "--stanza=peps" in path.read_text(encoding="utf-8") or "[peps]" in path.read_text(encoding="utf-8")
