"""What proxies log of an address holds no token: of every route of the site whose path could carry one."""

import contextlib
import http.client
import re
import ssl
import subprocess
import uuid

import pytest
from django.core import signing
from django.urls import URLResolver, get_resolver

from accounts.sessions import SessionStore
from bench.proxy import find_program, write_nginx_configuration
from core.links import derive_token
from core.telemetry import mask_tokens
from sites.demo.processes import find_free_port
from tests.access.routes import OFFICE, PORTAL
from tests.deploy.test_deploy_files import (
    ROOT,
    certificate,
    copy_with_certificate,
    find_caddy,
)
from tests.waits import wait_until

__all__ = ["certificate"]

#: As short as the shortest.
TOKEN = "k7Zq" * 8
NGINX = (ROOT / "deploy/nginx/peps.conf").read_text(encoding="utf-8")
CADDY = (ROOT / "deploy/caddy/Caddyfile").read_text(encoding="utf-8")


def list_token_paths():
    """Return a path of each route with an argument of any text, the token in place of each such argument."""
    return sorted({f"/{path}" for urlconf in (PORTAL, OFFICE) for path in _walk(get_resolver(urlconf))})


def _walk(resolver, prefix="", *, carries=False):
    for pattern in resolver.url_patterns:
        part, has_token = _fill(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, prefix + part, carries=carries or has_token)
        elif carries or has_token:
            yield prefix + part


def _fill(pattern):
    """Return the pattern's part of a path, with the token wherever it fits; and whether it does anywhere."""
    fits = []

    def fill(found):
        # `(?P<name>regex)` of a regular expression, `<converter:name>` of a path.
        regex = found["regex"] or pattern.converters[found["name"]].regex
        if re.fullmatch(regex, TOKEN):
            fits.append(TOKEN)
            return TOKEN
        return "1"

    text = re.sub(r"\(\?P<\w+>(?P<regex>[^()]+)\)|<(?:\w+:)?(?P<name>\w+)>", fill, str(pattern))
    return text.removeprefix("^").replace("$", "").replace("\\Z", ""), bool(fits)


PATHS = list_token_paths()


def mask_as_nginx(path):
    """Return what the map of the shipped configuration makes of a path."""
    [rules] = re.findall(r"map \$uri \$peps_path \{(.*?)\n\}", NGINX, re.DOTALL)
    for pattern, masked in re.findall(r'"~(.+?)"\s+"(.+?)";', rules):
        if found := re.search(pattern.replace("(?<", "(?P<"), path):
            return re.sub(r"\$(peps_\w+)", lambda name, found=found: found[name[1]], masked)
    return path


def mask_as_caddy(uri):
    """Return what the filter of the shipped configuration makes of a URI."""
    [(pattern, masked)] = re.findall(r"request>uri regexp `(.+?)` `(.+?)`", CADDY)
    return re.sub(pattern, lambda found: masked.replace("${1}", found[1] or ""), uri)


MASKS = [mask_as_nginx, mask_as_caddy, mask_tokens]


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.__name__)
def test_no_route_of_the_site_shows_its_token_in_a_log(mask):
    assert len(PATHS) > 10
    assert f"/mot-de-passe/nouveau/{TOKEN}-{TOKEN}/" in PATHS
    assert [path for path in PATHS if TOKEN in mask(path)] == []
    assert TOKEN not in mask(f"/a/{TOKEN}/b/{TOKEN}/")


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.__name__)
def test_other_paths_are_logged_as_they_are(mask):
    for path in ("/", "/ecoles/0300001A/", "/membres/12/roles/", "/mon-compte/inviter/de-nouveau/"):
        assert mask(path) == path


def test_every_kind_of_token_is_as_long_as_what_is_masked(db):
    session = SessionStore()
    session.create()
    made = [derive_token("n", salt="s"), signing.dumps(["c", 1], salt="s"), str(uuid.uuid4()), session.session_key]
    assert [token for token in made if len(token) < len(TOKEN)] == []


def ask(port, path, *, tls):
    """Ask for a path of an office, and return the status."""
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - a certificate of the test
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, context=context)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port)
    )
    with contextlib.closing(connection):
        connection.request(
            "GET", path, headers={"Host": "nimes.peps.example", "Referer": f"https://peps.example{path}"}
        )
        return connection.getresponse().status


@pytest.fixture
def by_name(monkeypatch):
    """A connection to this machine asks for the certificate of an office, as proxies choose the site by it."""
    wrap = ssl.SSLContext.wrap_socket

    def wrap_by_name(self, sock, *args, **options):
        return wrap(self, sock, *args, **options | {"server_hostname": "nimes.peps.example"})

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap_by_name)


def accepts(port):
    with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.connect()
        return True
    return False


@contextlib.contextmanager
def running(command, ports, **options):
    """Run a proxy until the block ends."""
    process = subprocess.Popen(command, **options)  # noqa: S603 - our own command
    try:
        for port in ports:
            wait_until(lambda port=port: accepts(port))
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
@pytest.mark.usefixtures("by_name")
@pytest.mark.skipif(find_program("nginx") is None, reason="nginx is not installed")
def test_nginx_logs_no_token(certificate, tmp_path):
    """With nobody behind it: what fails would be in its error log as well."""
    started, ports = write_nginx_configuration(certificate, tmp_path, web_port=find_free_port())
    command = [find_program("nginx"), "-c", str(started), "-g", "daemon off;"]
    with (tmp_path / "stderr").open("w") as log, running(command, [ports["80"], ports["443"]], stderr=log):
        statuses = {ask(ports["443"], path, tls=True) for path in [*PATHS, "/rien/"]}
        statuses |= {ask(ports["80"], f"{path}?a={TOKEN}", tls=False) for path in PATHS}
    # The error log of the frame is its standard error.
    accesses, errors = ((tmp_path / name).read_text(encoding="utf-8") for name in ("access.log", "stderr"))
    errors += "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("error.log"))
    # The API's programs are answered 503.
    assert statuses == {502, 503, 301, 403}
    assert accesses.count(" 502 ") + accesses.count(" 503 ") == len(PATHS) + 1
    assert "/rien/" in errors
    assert TOKEN not in accesses + errors


@pytest.mark.slow
@pytest.mark.skipif(find_program("nginx") is None, reason="nginx is not installed")
def test_nginx_refuses_programs_that_call_in_the_clear(certificate, tmp_path):
    started, ports = write_nginx_configuration(certificate, tmp_path, web_port=find_free_port())
    command = [find_program("nginx"), "-c", str(started), "-g", "daemon off;"]
    paths = ["/api/v1/schools", "/webhooks/stripe/", "/api/v1/documentation/", "/connexion/"]
    with running(command, [ports["80"]]):
        assert [ask(ports["80"], path, tls=False) for path in paths] == [403, 403, 301, 301]


@pytest.mark.slow
@pytest.mark.usefixtures("by_name")
@pytest.mark.skipif(find_program("caddy") is None, reason="Caddy is not installed")
def test_caddy_logs_no_token(certificate, tmp_path):
    """With nobody behind it, and with a log of the site."""
    copy_with_certificate("deploy/caddy/Caddyfile", tmp_path / "Caddyfile", certificate)
    ports = {name: find_free_port() for name in ("80", "443", "8000")}
    text = (tmp_path / "Caddyfile").read_text(encoding="utf-8")
    text = text.replace("\ttls ", "\tlog\n\ttls ", 1).replace("127.0.0.1:8000", f"127.0.0.1:{ports['8000']}")
    own = f"\tadmin off\n\thttp_port {ports['80']}\n\thttps_port {ports['443']}\n"
    text = text.replace("{\n\tservers", f"{{\n{own}\tservers", 1)
    if find_caddy() is None:  # 2.6 buffers, and is told so in other words.
        text = re.sub(r"\t+(request|response)_buffers .*\n", "", text)
    (tmp_path / "Caddyfile").write_text(text, encoding="utf-8")
    command = [find_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with (tmp_path / "log").open("w") as log, running(command, [ports["443"]], stderr=log):
        statuses = {ask(ports["443"], f"{path}?a={TOKEN}", tls=True) for path in [*PATHS, "/rien/"]}
    lines = (tmp_path / "log").read_text(encoding="utf-8")
    assert statuses == {502}
    assert '"uri":"/rien/[...]"' in lines
    assert "http.log.error" in lines
    assert "http.log.access" in lines
    assert TOKEN not in lines
