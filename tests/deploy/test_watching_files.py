"""`deploy/prometheus` and `deploy/grafana`: what they ask for is there, and the rules do what they say."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from prometheus_client import REGISTRY

from sites.health.figures import DatabaseFigures
from sites.health.middleware import METRICS_PATH
from tests.deploy.figure_labels import list_label_values
from tests.jobs.queue_rows import add_job, beat
from web import middleware

ROOT = Path(settings.ROOT)
RULES = ROOT / "deploy/prometheus/alerts.yml"
BOARD = ROOT / "deploy/grafana/peps.json"
SCRAPES = ROOT / "deploy/prometheus/prometheus.yml"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: promtool)")
#: Of Prometheus itself, of its library for a process, and of the exporters that the second group of rules names.
OTHERS_FIGURES = {
    "up", "process_resident_memory_bytes", "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
    "probe_ssl_earliest_cert_expiry",
}  # fmt: skip
#: What else an expression is made of: functions, operators, labels and what Grafana fills in.
OTHERS_WORDS = {
    "sum", "max", "min", "by", "rate", "increase", "topk", "histogram_quantile", "and", "or", "time", "vector", "site",
    "le", "queue", "kind", "task", "route", "status", "state", "action", "outcome", "instance",
}  # fmt: skip


def list_rules():
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def list_panels():
    return [panel for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"] if panel["type"] != "row"]


def list_expressions():
    return [rule["expr"] for rule in list_rules()] + [
        target["expr"] for panel in list_panels() for target in panel["targets"]
    ]


def list_figures(expression):
    """Return the names of figures in an expression: what is left without labels, texts, durations and functions."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|\d[\d.]*", " ", expression)
    return set(re.findall(r"[a-z_]\w*", bare)) - OTHERS_WORDS


@pytest.fixture
def figures(db, nimes):
    """The names that the code tells: of its counters, and of what it reads in the database."""
    add_job("2026-11-24T10:00Z")
    beat("2026-11-24T10:00Z")
    families = [*REGISTRY.collect(), *DatabaseFigures().collect()]
    # Loaded with the first request of a process only.
    assert middleware.ROUTES
    names = set()
    for family in families:
        suffixes = {
            "counter": ["_total"], "summary": ["_sum", "_count"], "histogram": ["_sum", "_count", "_bucket"],
        }.get(family.type, [""])  # fmt: skip
        names |= {f"{family.name}{suffix}" for suffix in suffixes if family.name.startswith("peps_")}
    return names


def test_every_figure_of_the_rules_and_of_the_board_exists(figures):
    asked = set().union(*map(list_figures, list_expressions()))
    assert asked - figures - OTHERS_FIGURES == set()


def test_every_figure_of_the_code_is_on_the_board(figures):
    shown = set().union(*(list_figures(target["expr"]) for panel in list_panels() for target in panel["targets"]))
    families = {re.sub(r"_(sum|count|bucket)$", "", name) for name in figures}
    assert {name for name in families if not any(one.startswith(name) for one in shown)} == set()


def test_every_label_that_is_asked_for_has_such_a_value():
    allowed = list_label_values()
    asked = {
        (label, value)
        for expression in list_expressions()
        for label, values in re.findall(r"(\w+)[=!]~?\"([^\"]*)\"", expression)
        for value in values.split("|")
        if label not in ("job", "fstype")
    }
    assert ("action", "password_refused") in asked
    assert {(label, value) for label, value in asked if value not in allowed[label]} == set()


def test_jobs_of_prometheus_are_those_of_the_example():
    scraped = {one["job_name"]: one for one in yaml.safe_load(SCRAPES.read_text(encoding="utf-8"))["scrape_configs"]}
    asked = {job for one in list_expressions() for job in re.findall(r"job=\"([^\"]*)\"", one)}
    assert asked == set(scraped)
    assert scraped["peps-web"]["metrics_path"] == METRICS_PATH


def test_every_rule_says_whom_it_wakes_and_why():
    names = [rule["alert"] for rule in list_rules()]
    assert len(names) == len(set(names)) >= 20
    for rule in list_rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_panels_do_not_lie_over_one_another():
    taken = set()
    for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert cells.isdisjoint(taken), panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def run_promtool(*arguments, folder=None):
    done = subprocess.run(  # noqa: S603 - the machine's own
        [PROMTOOL, *arguments], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_rules_and_the_example():
    run_promtool("check", "rules", str(RULES))
    run_promtool("check", "config", "--syntax-only", str(SCRAPES))


@needs_promtool
def test_the_rules_fire_and_end_as_is_written(tmp_path):
    for path in (RULES, ROOT / "tests/deploy/alerts_test.yml"):
        shutil.copy(path, tmp_path)
    run_promtool("test", "rules", "alerts_test.yml", folder=tmp_path)


@needs_promtool
def test_prometheus_understands_every_panel(tmp_path):
    expressions = [target["expr"] for panel in list_panels() for target in panel["targets"]]
    rules = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__\w+", "5m", expression)}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    run_promtool("check", "rules", str(path))
