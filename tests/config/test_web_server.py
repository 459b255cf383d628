"""Gunicorn's settings: one load for all processes, no connection among what they share, a master that hands over."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from sites.demo.processes import find_free_port
from tests.config.test_slow_clients import send_whole
from tests.waits import LAST_S, wait_until
from tests.workers import ROOT, build_environment

#: What documents, spreadsheets, webhooks, the description of the API and the back office need: no start does.
_WEIGHTS = ("aiohttp", "drf_spectacular.plumbing", "fido2", "fpdf", "markdown_it", "openpyxl", "unfold.admin", "xlrd")
_SHARED = f"""
import sys, threading, config.wsgi
from django.db import connections
print([one.alias for one in connections.all(initialized_only=True) if one.connection is not None])
print(threading.active_count())
print([name for name in {_WEIGHTS} if name in sys.modules])
"""


def test_processes_share_no_connection_and_no_thread_and_start_without_weights():
    command = [sys.executable, "-c", _SHARED]
    done = subprocess.run(  # noqa: S603 - our own code
        command, cwd=ROOT, env=build_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "1", "[]"]


def test_a_new_master_takes_over_and_says_so(tmp_path):
    port = find_free_port()
    command = [
        # As the unit has it: what `-m` runs does not find its packages again when it starts anew.
        str(Path(sys.executable).with_name("gunicorn")), "tests.config.impatient_server",
        "--config", "python:config.gunicorn_worker",
        "--workers", "1", "--threads", "2", "--bind", f"127.0.0.1:{port}", "--no-control-socket",
    ]  # fmt: skip
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(LAST_S)
        environment = build_environment() | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as first:  # noqa: S603
            try:
                wait_until(lambda: send_whole(port, b"abc") == b"3")
                first.send_signal(signal.SIGUSR2)
                message = ""
                while not message.startswith("MAINPID="):
                    message = systemd.recv(1000).decode()
                second = int(message.removeprefix("MAINPID="))
                try:
                    assert first.wait(LAST_S) == 0
                    assert send_whole(port, b"abcd") == b"4"
                finally:
                    os.kill(second, signal.SIGTERM)
            finally:
                first.kill()
