"""The audit of dependencies tells « nothing known » from « nobody answered »."""

from __future__ import annotations

import importlib.util
import json

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


def answer_with(advisories, monkeypatch, *reports):
    answers = iter(reports)
    monkeypatch.setattr(advisories, "ask", lambda _service: advisories.parse(next(answers)))


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
