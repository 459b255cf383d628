"""Figures: counted once committed, and by several processes in a folder."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from prometheus_client import CollectorRegistry, Counter

from config import observability
from config.gunicorn_worker import DeadlineWorker
from core.telemetry import count_on_commit, may_read

TOKEN = "jeton-de-prometheus-0123456789abcdef"
COUNT = """
from prometheus_client import Counter
from core.telemetry import render_metrics
counter = Counter("tests_things", "Things.", ["kind"])
counter.labels("seen").inc({amount})
print(render_metrics().decode())
"""


def get_value(counter):
    [value] = [one.value for family in counter.collect() for one in family.samples]
    return value


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_counted():
    counter = Counter("tests_acts", "Acts.", registry=CollectorRegistry())
    with transaction.atomic():
        count_on_commit(counter, 2)
        assert get_value(counter) == 0
    assert get_value(counter) == 2
    with transaction.atomic():
        count_on_commit(counter, 5)
        transaction.set_rollback(True)
    assert get_value(counter) == 2
    count_on_commit(counter)
    assert get_value(counter) == 3


@pytest.mark.slow
def test_processes_that_share_a_folder_are_summed(tmp_path):
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": f"{settings.ROOT}/platform"}
    texts = [
        subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", COUNT.format(amount=amount)],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout
        for amount in (2, 3)
    ]  # fmt: skip
    assert 'tests_things_total{kind="seen"} 2.0' in texts[0]
    assert 'tests_things_total{kind="seen"} 5.0' in texts[1]
    assert texts[1].count("tests_things_total{") == 1


@pytest.mark.parametrize(
    ("token", "header", "opens"),
    [(TOKEN, f"Bearer {TOKEN}", True), (TOKEN, TOKEN, False), ("", "Bearer ", False), ("", "", False)],
)
def test_nobody_reads_without_a_token(settings, token, header, opens):
    settings.METRICS_TOKEN = token
    assert may_read(header) is opens


@pytest.mark.parametrize("token", ["short", "x" * 31, "é" * 40, f"{TOKEN} {TOKEN}", f"{TOKEN}\n"])
def test_a_weak_token_stops_the_start(monkeypatch, token):
    monkeypatch.setenv("METRICS_TOKEN", token)
    with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN must have 32"):
        observability.read_token("METRICS_TOKEN")


def test_a_folder_that_is_not_there_stops_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="PROMETHEUS_MULTIPROC_DIR must be a folder"):
        observability.check_metrics_folder()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    observability.check_metrics_folder()
    assert observability.read_token("METRICS_TOKEN") == TOKEN


class FakeArbiterSettings:
    """Gunicorn's, of which one is read."""

    def __init__(self, workers):
        self.workers = workers


@pytest.fixture
def load(settings, monkeypatch):
    """Return a function that has a process of gunicorn load the application."""
    monkeypatch.setattr("gunicorn.workers.base.Worker.load_wsgi", lambda _self: None)

    def load_wsgi(token, workers, folder):
        settings.METRICS_TOKEN = token
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", folder)
        worker = DeadlineWorker.__new__(DeadlineWorker)
        worker.cfg = FakeArbiterSettings(workers)
        worker.load_wsgi()

    return load_wsgi


@pytest.mark.parametrize(("token", "workers", "folder"), [(TOKEN, 1, ""), (TOKEN, 2, "/run/peps-web"), ("", 2, "")])
def test_processes_start_where_their_figures_are_whole_or_closed(load, token, workers, folder):
    load(token, workers, folder)


def test_several_processes_without_a_folder_do_not_start(load):
    """Each would answer with a part of the figures."""
    with pytest.raises(ImproperlyConfigured, match="PROMETHEUS_MULTIPROC_DIR"):
        load(TOKEN, 2, "")
