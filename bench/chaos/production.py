"""The settings of a server that real people use, as deploy/systemd has them: of our processes, and of this one."""

import base64
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.test import override_settings

from bench.scratch_database import ROOT, url

_EXAMPLE = ROOT / "deploy/systemd/peps.env.example"
#: The receiver of webhooks is a program beside us, without TLS.
_RISKS = ("WEBHOOKS_ALLOW_HTTP", "WEBHOOKS_PRIVATE_NETWORKS")


@contextlib.contextmanager
def production(data: Path) -> Iterator[dict[str, str]]:
    """Yield the environment variables of a server with drawn secrets, its data in a folder.

    Meanwhile this process, which makes sessions, keys and tokens beside them, has the same secrets and names.
    """
    lines = [line for line in _EXAMPLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in lines) | {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "SEALING_KEYS": f"1:{base64.b64encode(secrets.token_bytes(64)).decode()}",
        "PEPS_DATA": str(data),
        "WEBHOOKS_ALLOW_HTTP": "True",
        "WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8",
        "ACCEPTED_RISKS": ",".join(_RISKS),
    }
    del variables["DATABASE_URL"]
    with override_settings(
        BASE_DOMAIN=variables["BASE_DOMAIN"],
        ALLOWED_HOSTS=[variables["BASE_DOMAIN"], f".{variables['BASE_DOMAIN']}"],
        SECRET_KEY=variables["SECRET_KEY"],
        SEALING_KEYS=[variables["SEALING_KEYS"]],
        SECURE=True,
        SESSION_COOKIE_NAME="__Host-session",
        CSRF_COOKIE_NAME="__Host-csrf",
    ):
        yield variables


def collect_assets(variables: dict[str, str]) -> None:
    """Hash and compress the assets of this release, as `peps-migrate` does. Raises `CalledProcessError`."""
    environment = os.environ | {"DATABASE_URL": url(), "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **variables}
    command = [sys.executable, str(ROOT / "manage.py"), "collectstatic", "--no-input", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603 - our own command
