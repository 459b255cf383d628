"""The audit of dependencies tells « nothing known » from « nobody answered », and reads files where it cannot ask."""

import datetime
import importlib.util
import json
import zipfile

import pytest

from config.settings import ROOT

REPORT = {
    "dependencies": [
        {"name": "django", "version": "6.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["6.1.3"], "aliases": []}]},
        {"name": "yarl", "version": "1.0", "vulns": []},
        {"name": "private", "skip_reason": "not found"},
    ]
}


@pytest.fixture
def advisories():
    spec = importlib.util.spec_from_file_location("advisories", ROOT / ".ci" / "advisories.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NPM_REPORT = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "bootstrap": {
            "via": [{"url": "https://github.com/advisories/GHSA-1", "range": ">=5.0.0 <5.4.0"}],
            "range": ">=5.0.0 <5.4.0",
        },
        "theme": {"via": ["bootstrap"], "range": "*"},
    },
    "metadata": {"dependencies": {"prod": 7, "dev": 1, "total": 8}},
}
SOUND_NPM = json.dumps(NPM_REPORT | {"vulnerabilities": {}})


def answer_with(advisories, monkeypatch, *reports, npm=SOUND_NPM):
    answers = iter(reports)
    monkeypatch.setattr(advisories, "ask", lambda _service: advisories.parse(next(answers)))
    monkeypatch.setattr(advisories, "ask_about_npm", lambda: advisories.parse_npm(npm))


def test_a_known_vulnerability_fails_and_is_named(advisories, monkeypatch, capsys):
    answer_with(advisories, monkeypatch, json.dumps(REPORT))
    assert advisories.main() == 1
    assert "django 6.1.0: PYSEC-1, fixed in 6.1.3" in capsys.readouterr().out


def test_sound_packages_pass(advisories, monkeypatch, capsys):
    answer_with(advisories, monkeypatch, json.dumps({"dependencies": REPORT["dependencies"][1:]}))
    assert advisories.main() == 0
    assert "audited: 1; not in the database: 1" in capsys.readouterr().out


SILENT = [json.dumps({"dependencies": [{"name": "yarl", "skip_reason": "not found"}]}), ""]


def test_a_database_that_knows_nothing_is_no_answer_and_the_next_is_asked(advisories, monkeypatch):
    answer_with(advisories, monkeypatch, SILENT[0], json.dumps(REPORT))
    assert advisories.main() == 1


@pytest.mark.parametrize(("required", "status"), [("", 0), ("1", 1)])
def test_where_nobody_answers_the_line_says_so(advisories, monkeypatch, capsys, required, status):
    monkeypatch.setenv("REQUIRE_ADVISORIES", required)
    answer_with(advisories, monkeypatch, *SILENT)
    assert advisories.main() == status
    assert "NOT audited" in capsys.readouterr().out


def test_an_advisory_about_a_package_of_npm_fails_and_is_named_once(advisories, monkeypatch, capsys):
    answer_with(
        advisories, monkeypatch, json.dumps({"dependencies": REPORT["dependencies"][1:]}), npm=json.dumps(NPM_REPORT)
    )
    assert advisories.main() == 1
    printed = capsys.readouterr().out
    assert "npm packages audited: 8" in printed
    assert printed.count("bootstrap: https://github.com/advisories/GHSA-1, in >=5.0.0 <5.4.0") == 1
    assert "theme" not in printed


REFUSED = json.dumps({"message": "405 Method Not Allowed", "statusCode": 405, "error": {"summary": "", "detail": ""}})


@pytest.mark.parametrize("npm", [REFUSED, "", "[]"])
def test_where_npm_does_not_answer_its_line_says_so(advisories, monkeypatch, capsys, npm):
    for required, status in (("", 0), ("1", 1)):
        monkeypatch.setenv("REQUIRE_ADVISORIES", required)
        answer_with(advisories, monkeypatch, json.dumps({"dependencies": REPORT["dependencies"][1:]}), npm=npm)
        assert advisories.main() == status
    printed = capsys.readouterr().out
    assert "Python packages audited: 1" in printed
    assert "npm packages NOT audited: no database" in printed


# --- Files of OSV records ---------------------------------------------------------------------------------------------


def build_record(ecosystem, name, *events, versions=(), **fields):
    ranges = [{"type": "SEMVER" if ecosystem == "npm" else "ECOSYSTEM", "events": list(events)}] if events else []
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, "versions": list(versions)}
    return {"id": "GHSA-2", "modified": "2026-11-28T10:00:00Z", "affected": [affected], **fields}


HTMX = build_record("npm", "htmx.org", {"introduced": "0"}, {"fixed": "99.0.0"})
DJANGO = build_record("PyPI", "Django", {"introduced": "0"}, {"fixed": "0.9"}, {"introduced": "6.0"}, {"fixed": "99"})


@pytest.fixture
def audit(advisories, monkeypatch, capsys, tmp_path):
    """Audit the project's packages with records in a file, on 30 November; return the status and what is printed."""

    def refuse(*_):
        raise AssertionError("Nobody is asked where files are named.")

    def run(*records, name="advisories.zip", today=datetime.date(2026, 11, 30)):
        monkeypatch.setattr(advisories, "_run", refuse)
        monkeypatch.setattr(advisories, "read_today", lambda: today)
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                for number, record in enumerate(records):
                    archive.writestr(f"{number}.json", json.dumps(record))
        else:
            path.write_text(json.dumps(list(records)))
        monkeypatch.setenv("ADVISORIES", str(path))
        return advisories.main(), capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", ["all.zip", "all.json"])
def test_files_are_read_instead_of_asking_and_tell_their_day(audit, name):
    status, printed = audit(HTMX, DJANGO, name=name)
    assert status == 1
    assert "the latest is of 2026-11-28." in printed
    assert "GHSA-2, fixed in 99.0.0" in printed
    assert "GHSA-2, fixed in 0.9, 99" in printed


def test_a_warning_names_the_age_of_old_files(audit):
    _, printed = audit(HTMX, today=datetime.date(2026, 12, 13))
    assert "15 days ago" in printed
    _, printed = audit(HTMX, today=datetime.date(2026, 12, 12))
    assert "days ago" not in printed


def test_a_kind_of_package_that_the_files_have_not_is_not_audited(audit, monkeypatch):
    sound = build_record("npm", "htmx.org", {"introduced": "0"}, {"fixed": "0.1.0"})
    status, printed = audit(sound)
    assert status == 0
    assert "npm packages audited" in printed
    assert "Python packages NOT audited: the files of ADVISORIES have none about them." in printed
    monkeypatch.setenv("REQUIRE_ADVISORIES", "1")
    assert audit(sound)[0] == 1


def test_a_withdrawn_advisory_is_none(audit):
    assert audit(HTMX | {"withdrawn": "2026-11-01T00:00:00Z"})[0] == 0


@pytest.mark.parametrize("records", [[], [{"id": "GHSA-3"}], ["text"]])
def test_files_without_records_fail(audit, records):
    status, printed = audit(*records)
    assert status == 1
    assert "NOT audited" in printed


@pytest.mark.parametrize("content", [None, b"PK", b"{"])
def test_a_missing_or_damaged_file_fails_and_is_named(advisories, monkeypatch, capsys, tmp_path, content):
    path = tmp_path / "all.zip"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("ADVISORIES", str(path))
    assert advisories.main() == 1
    assert f"NOT audited: {path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "events", "is_affected"),
    [
        ("5.3.9", [{"introduced": "0"}], True),
        ("5.3.9", [{"introduced": "5.0.0"}, {"fixed": "5.3.10"}], True),
        ("5.3.9", [{"introduced": "5.0.0"}, {"fixed": "5.3.9"}], False),
        ("5.3.9", [{"introduced": "0"}, {"last_affected": "5.3.9"}], True),
        ("5.3.9", [{"introduced": "0"}, {"last_affected": "5.3.8"}], False),
        ("5.3.9", [{"introduced": "5.3.10"}], False),
        # In whatever order they stand.
        ("5.3.9", [{"introduced": "5.4.0"}, {"fixed": "4.6.2"}, {"introduced": "0"}], False),
        ("5.3.9-beta.2", [{"introduced": "5.3.9"}], False),
        ("5.3.9-beta.10", [{"introduced": "5.3.9-beta.9"}], True),
        ("5.3.9-beta.10", [{"introduced": "5.3.9-beta.x"}], False),
        # Whatever cannot be told is.
        ("5.3.9", [{"introduced": "long ago"}], True),
    ],
)
def test_a_range_is_read_as_semver_orders_versions(advisories, version, events, is_affected):
    record = build_record("npm", "bootstrap", *events)
    assert advisories.is_affected("npm", version, record["affected"][0]) is is_affected


@pytest.mark.parametrize(
    ("version", "events", "is_affected"),
    [
        ("6.1", [{"introduced": "6.0"}, {"fixed": "6.1.0"}], False),
        ("6.1rc1", [{"introduced": "6.0"}, {"fixed": "6.1"}], True),
        ("1.10", [{"introduced": "1.9"}], True),
    ],
)
def test_a_range_is_read_as_python_orders_versions(advisories, version, events, is_affected):
    record = build_record("PyPI", "django", *events)
    assert advisories.is_affected("PyPI", version, record["affected"][0]) is is_affected


def test_a_version_may_be_listed_instead(advisories):
    affected = build_record("PyPI", "django", versions=["6.1.0"])["affected"][0]
    assert advisories.is_affected("PyPI", "6.1.0", affected)
    assert not advisories.is_affected("PyPI", "6.1.1", affected)


def test_every_pinned_package_is_listed(advisories):
    packages = advisories.list_packages()
    assert {"django", "django-allauth", "zxcvbn", "pip-audit"} <= set(packages["PyPI"])
    assert {"htmx.org", "@popperjs/core", "axe-core"} <= set(packages["npm"])
    lines = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8").splitlines()
    assert len(packages["PyPI"]) == len(
        {line.split("==")[0].split("[")[0] for line in lines if "==" in line.split(" ;")[0]}
    )
