"""A web process beside a bare Django project's: what it imports, what four of them hold in memory, a trivial page.

The bare project is what `startproject` writes, with one page. Ours has the settings of deploy/systemd. Processor
seconds, each in a process of its own, in turn.
"""

import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from bench.chaos.production import collect_assets, production
from bench.office_data import open_office
from bench.registry import measure
from bench.scratch_database import ROOT, url
from bench.web_server import THREADS, OfficeServer, running_gunicorn, running_server

MAX_IMPORT_RATIO, MAX_PAGE_RATIO, MAX_MB = 4.0, 1.5, 300.0
_IMPORT_ROUNDS, _PAGE_ROUNDS = 9, 7
#: Of the portal and of an office, by host and path; each process answers some of each before it is weighed.
_PAGES = (("", "/"), ("", "/boutique/"), ("", "/connexion/"), ("nimes", "/"), ("nimes", "/api/v1/pools"))
_ROUNDS_OF_PAGES = 12
_FAULT = 500

_IMPORT = "import sys, {module}; print(len(sys.modules))"
#: Of both: ours says where a vulnerability is reported, as text; without session, template and query.
_TRIVIAL = "/.well-known/security.txt"
_PAGE_REQUESTS = 2_000
#: Run with the module of the application, the host, the path and the number of requests; prints microseconds of one.
_ASK = """
import importlib, sys, time
from wsgiref.util import setup_testing_defaults
application = importlib.import_module(sys.argv[1]).application
environ = {"HTTP_HOST": sys.argv[2], "PATH_INFO": sys.argv[3], "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "https"}
environ |= {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "127.0.0.1", "HTTP_USER_AGENT": "Mozilla/5.0"}
setup_testing_defaults(environ)
statuses = set()
def ask():
    response = application(dict(environ), lambda status, headers: statuses.add(status))
    b"".join(response)
    response.close()
for _ in range(200):
    ask()
start = time.process_time()
for _ in range(int(sys.argv[4])):
    ask()
print((time.process_time() - start) / int(sys.argv[4]) * 1e6)
if statuses != {"200 OK"}:
    sys.exit(f"The page answered {statuses}.")
"""
_BARE_URLS = """
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path


def trivial(request):
    return HttpResponse("Contact: mailto:contact@peps.example\\n" * 4, content_type="text/plain; charset=utf-8")


urlpatterns = [path("admin/", admin.site.urls), path(".well-known/security.txt", trivial)]
"""


@dataclass(frozen=True)
class WebProcessMeasure:
    """Medians of a run; `load`: of the machine when it began."""

    name: str
    load: float
    import_s: float
    bare_import_s: float
    modules: int
    bare_modules: int
    memory_mb: float
    rss_mb: float
    page_us: float
    bare_page_us: float
    served_us: float
    bare_served_us: float

    @property
    def import_ratio(self) -> float:
        """Our import's processor seconds divided by the bare project's."""
        return self.import_s / self.bare_import_s

    @property
    def page_ratio(self) -> float:
        """The processor time of our trivial page divided by the bare project's, through the handler alone."""
        return self.page_us / self.bare_page_us

    @property
    def served_ratio(self) -> float:
        """The same as gunicorn serves it: the processor time of its processes."""
        return self.served_us / self.bare_served_us

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        ratios = ("import_ratio", "page_ratio", "served_ratio")
        return asdict(self) | {name: round(getattr(self, name), 2) for name in ratios}

    def line(self) -> str:
        """Return the figures in a few lines."""
        return (
            f"name={self.name}  load={self.load:.1f}\n"
            f"  import of config.wsgi: ours={self.import_s:.2f} s ({self.modules} modules)  "
            f"bare={self.bare_import_s:.2f} s ({self.bare_modules})  ratio={self.import_ratio:.2f}\n"
            f"  memory of the master and four processes: {self.memory_mb:.0f} MB (PSS; RSS {self.rss_mb:.0f})\n"
            f"  trivial page, served by gunicorn: ours={self.served_us:.0f} µs  bare={self.bare_served_us:.0f} µs  "
            f"ratio={self.served_ratio:.2f}\n"
            f"  trivial page, by the handler alone: ours={self.page_us:.0f} µs  bare={self.bare_page_us:.0f} µs  "
            f"ratio={self.page_ratio:.2f}"
        )

    def failures(self) -> list[str]:
        """Return a sentence for each missed goal."""
        return [
            f"{name}: {value:.2f}, {most} at most"
            for name, value, most in (
                ("import", self.import_ratio, MAX_IMPORT_RATIO),
                ("memory", self.memory_mb, MAX_MB),
                ("trivial page", self.served_ratio, MAX_PAGE_RATIO),
            )
            if value > most
        ]


@measure("web_process")
def web_process() -> WebProcessMeasure:
    """Import, weigh and ask, beside the bare project."""
    load = os.getloadavg()[0]
    office = open_office()
    with tempfile.TemporaryDirectory(prefix="peps-web-process-") as name, production(Path(name)) as variables:
        collect_assets(variables)
        ours = os.environ | {"DATABASE_URL": url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
        ours |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **variables}
        bare = os.environ | {"DJANGO_SETTINGS_MODULE": "bare.settings", "PYTHONPATH": _write_bare_project(Path(name))}
        imports: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(_IMPORT_ROUNDS):
            seconds, modules = _import("config.wsgi", ours)
            imports["ours"].append(seconds)
            seconds, bare_modules = _import("bare.wsgi", bare)
            imports["bare"].append(seconds)
        pages: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(_PAGE_ROUNDS):
            pages["ours"].append(_ask("config.wsgi", settings.BASE_DOMAIN, ours))
            pages["bare"].append(_ask("bare.wsgi", "localhost", bare))
        served: dict[str, list[float]] = {"ours": [], "bare": []}
        with (
            running_server(office.schema_name, "", **variables) as server,
            running_gunicorn("bare.wsgi", "--threads", str(THREADS), environment=bare) as bare_server,
        ):
            memory = _weigh(server)
            for _ in range(_PAGE_ROUNDS):
                served["ours"].append(_serve(server.port, server.workers(), settings.BASE_DOMAIN))
                served["bare"].append(_serve(bare_server.port, bare_server.workers(), "localhost"))
    return WebProcessMeasure(
        name="web_process",
        load=load,
        import_s=statistics.median(imports["ours"]),
        bare_import_s=statistics.median(imports["bare"]),
        modules=modules,
        bare_modules=bare_modules,
        memory_mb=memory["Pss"],
        rss_mb=memory["Rss"],
        page_us=statistics.median(pages["ours"]),
        bare_page_us=statistics.median(pages["bare"]),
        served_us=statistics.median(served["ours"]),
        bare_served_us=statistics.median(served["bare"]),
    )


def _write_bare_project(folder: Path) -> str:
    """Write what `startproject` writes, as a server would have it; return the folder that it is imported from."""
    call_command("startproject", "bare", str(folder))
    path = folder / "bare" / "settings.py"
    text = path.read_text(encoding="utf-8")
    text = text.replace("DEBUG = True", "DEBUG = False").replace("ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["localhost"]')
    path.write_text(text, encoding="utf-8")
    (folder / "bare" / "urls.py").write_text(_BARE_URLS, encoding="utf-8")
    return str(folder)


def _import(module: str, environment: Mapping[str, str]) -> tuple[float, int]:
    """Import a module in a process of its own; return its processor seconds, and how many modules there are then."""
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _IMPORT.format(module=module)], cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE
    ) as process:
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{module} is not imported.")
    return usage.ru_utime + usage.ru_stime, int(output)


def _ask(module: str, host: str, environment: Mapping[str, str]) -> float:
    """Return the microseconds of processor of one request for the trivial page, in a process of its own."""
    command = [sys.executable, "-c", _ASK, module, host, _TRIVIAL, str(_PAGE_REQUESTS)]
    done = subprocess.run(  # noqa: S603 - our own code
        command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def _serve(port: int, workers: list[int], host: str) -> float:
    """Return the microseconds of processor that the workers take for one trivial page, on one kept connection."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        start = sum(map(_read_processor_seconds, workers))
        for _ in range(_PAGE_REQUESTS):
            _load(connection, host, _TRIVIAL)
        return (sum(map(_read_processor_seconds, workers)) - start) / _PAGE_REQUESTS * 1e6


def _read_processor_seconds(process: int) -> float:
    """Return the processor seconds of a process until now."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _weigh(server: OfficeServer) -> dict[str, float]:
    """Have every process answer pages; return what they and their master hold together, in MB."""
    for _ in range(_ROUNDS_OF_PAGES):
        for slug, path in _PAGES:
            host = f"{slug}.{settings.BASE_DOMAIN}" if slug else settings.BASE_DOMAIN
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
                _load(connection, host, path)
    total = {"Pss": 0.0, "Rss": 0.0}
    for number in (server.master, *server.workers()):
        for name, size in _read_sizes(number):
            total[name] += size / 1024
    return total


def _load(connection: http.client.HTTPConnection, host: str, path: str) -> None:
    """Ask for a page as the proxy does. Raises `RuntimeError` where the site is at fault."""
    headers = {"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    if response.status >= _FAULT or (path == _TRIVIAL and response.status != HTTPStatus.OK):
        raise RuntimeError(f"{host}{path} answered {response.status}.")


def _read_sizes(process: int) -> Iterator[tuple[str, int]]:
    """Yield the memory of a process by kind, in kB."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
        name, _, size = line.partition(":")
        if name in ("Pss", "Rss"):
            yield name, int(size.split()[0])
