"""Ask the databases of advisories about every pinned Python package: status 1 where one has a known vulnerability.

Where no database answers, one line says so and the status is 0: a check without a network is no failure. With
REQUIRE_ADVISORIES=1 it is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = "requirements/dev.txt"
#: Tried in this order, until one knows the packages.
SERVICES = ("pypi", "osv")
TIMEOUT_SECONDS = 300


class AdvisoryReport(NamedTuple):
    """What a database says: how many packages it knows, how many it does not, and a line for each vulnerability."""

    known: int
    unknown: int
    vulnerabilities: list[str]


def ask(service: str) -> AdvisoryReport | None:
    """Return the answer of a database of advisories; None where it gives none."""
    command = [
        sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", REQUIREMENTS,
        "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off",
    ]  # fmt: skip
    try:
        result = subprocess.run(  # noqa: S603 - our own command
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return parse(result.stdout)


def parse(report: str) -> AdvisoryReport | None:
    """Return what a report of pip-audit says; None where it is none, as after a refused connection."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    known = [package for package in packages if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {_format_versions(found['fix_versions'])}"
        for package in known
        for found in package["vulns"]
    ]
    return AdvisoryReport(len(known), len(packages) - len(known), lines)


def _format_versions(versions: list[str]) -> str:
    return ", ".join(versions) or "no version yet"


def main() -> int:
    """Print what was found; return the exit status."""
    for service in SERVICES:
        answer = ask(service)
        if answer is not None and answer.known:
            break
    else:
        print("Dependencies NOT audited: no database of advisories answers from here.")
        return 1 if os.environ.get("REQUIRE_ADVISORIES") == "1" else 0
    print(f"Dependencies audited: {answer.known}; not in the database: {answer.unknown}.")
    for line in answer.vulnerabilities:
        print(line)
    return 1 if answer.vulnerabilities else 0


if __name__ == "__main__":
    sys.exit(main())
