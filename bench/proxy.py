"""The nginx of deploy/nginx before web processes of this machine: on free ports, in a folder of its own."""

import contextlib
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.registry import Unmeasurable
from bench.scratch_database import ROOT
from sites.demo.processes import find_free_port, is_port_taken

#: Until nginx listens, on the busiest machine.
_START_TIMEOUT_S = 60
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def find_program(name: str) -> str | None:
    """Return the path of a program that may be for administrators; None where it is not installed."""
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")


def write_nginx_configuration(certificate: Path, folder: Path, *, web_port: int) -> tuple[Path, dict[str, int]]:
    """Write the shipped configuration for ports and a folder of this machine; return the file to start, and the ports.

    `certificate`: the folder of its two files. `web_port`: where the web processes listen. The ports: those that
    visitors know as « 80 » and « 443 ».
    """
    text = (ROOT / "deploy/nginx/peps.conf").read_text(encoding="utf-8")
    # It binds even to try: ports that nobody has, and that need no privilege.
    ports = {name: find_free_port() for name in ("80", "443")}
    text = re.sub(r"(?m)^\s*listen \[::\].*\n", "", text)
    text = re.sub(r"listen (80|443)\b", lambda found: f"listen 127.0.0.1:{ports[found[1]]}", text)
    for shipped, ours in (
        ("/etc/ssl/peps/", f"{certificate}/"),
        ("127.0.0.1:8000", f"127.0.0.1:{web_port}"),
        ("/var/log/nginx/", f"{folder}/"),
        ("/opt/peps/", f"{ROOT}/"),
    ):
        if shipped not in text:
            raise ValueError(f"deploy/nginx/peps.conf no longer has {shipped}.")
        text = text.replace(shipped, ours)
    (folder / "peps.conf").write_text(text, encoding="utf-8")
    folders = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in _TEMPORARY)
    frame = f"pid {folder}/pid; error_log stderr; events {{}} http {{ {folders} include {folder}/peps.conf; }}\n"
    (folder / "nginx.conf").write_text(frame, encoding="utf-8")
    return folder / "nginx.conf", ports


@contextlib.contextmanager
def running_nginx(certificate: Path, folder: Path, *, web_port: int) -> Iterator[int]:
    """Run nginx with the shipped configuration for the block; yield its port for TLS.

    Raises `OSError` where it does not start, `Unmeasurable` where it is not installed.
    """
    started, ports = write_nginx_configuration(certificate, folder, web_port=web_port)
    command = [require_nginx(), "-c", str(started), "-g", "daemon off;"]
    with (folder / "nginx.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:  # noqa: S603 - the machine's own
        try:
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not is_port_taken(ports["443"]):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise OSError(f"nginx does not listen: {(folder / 'nginx.log').read_text(encoding='utf-8')}")
                time.sleep(0.05)
            yield ports["443"]
        finally:
            process.terminate()


def require_nginx() -> str:
    """Return the path of nginx. Raises `Unmeasurable` where it is not installed."""
    program = find_program("nginx")
    if program is None:
        raise Unmeasurable("It asks through the shipped nginx, which is not installed (Debian: nginx-light).")
    return program


def trust(certificate: Path) -> ssl.SSLContext:
    """Return what a client of ours checks the certificate of `running_nginx` by."""
    return ssl.create_default_context(cafile=certificate / "fullchain.pem")
