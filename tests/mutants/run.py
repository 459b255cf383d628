"""A pytest plugin that runs the tests once, then each mutant in a fork of that process, on the tests that reach it."""

import os
import resource
import select
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from coverage import Coverage

from tests.mutants.live_code import Functions, find_changes, find_functions, replace_code
from tests.mutants.sources import Mutant, read

#: Seconds that a mutant has beyond some times what its tests took, of the processor's and of the clock's.
_SPARE_SECONDS = 20
_TIMES_AS_LONG = 10
#: Tests that wait for commits of others, walk a browser or need what is not there: none of them decides here.
_LEFT_OUT_FIXTURES = {"transactional_db"}
_LEFT_OUT_MARKS = ("e2e", "citus", "real_data")

KILLED, SURVIVED, NOT_COVERED, AT_IMPORT = "killed", "survived", "not covered", "at import"


class MutantRun:
    """The plugin. `outcomes` has each mutant, how it ended and by which test, once pytest is over."""

    def __init__(self, mutants: list[Mutant]) -> None:
        self.mutants = mutants
        self.outcomes: list[tuple[Mutant, str, str]] = []
        #: Tests that fail in a fork whatever it runs: what they killed says nothing.
        self.unfit: list[str] = []
        #: Of the tests as they are, then of the mutants.
        self.seconds = (0.0, 0.0)
        self._failed = ""
        self._broken: set[str] = set()
        self._seconds: dict[str, float] = {}
        self._kills: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        left_out = [
            item
            for item in items
            if _LEFT_OUT_FIXTURES & {*getattr(item, "fixturenames", ())}
            or any(item.get_closest_marker(name) for name in _LEFT_OUT_MARKS)
        ]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self._failed = report.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed or session.config.option.collectonly:
            return None
        paths = {str(one.mutation.path.resolve()) for one in self.mutants}
        began = time.monotonic()
        reached = self._run_all(session, paths)
        ran = time.monotonic()
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        functions = find_functions(paths)
        items = {item.nodeid: item for item in session.items}
        for number, mutant in enumerate(self.mutants, 1):
            self._judge(session, mutant, functions, reached, items)
            _, outcome, tests = self.outcomes[-1]
            if outcome in {SURVIVED, NOT_COVERED}:
                # At once: who interrupts a long run has what it found.
                reporter.write_line(f"\n{number} of {len(self.mutants)}: {outcome}, {tests}")
                reporter.write_line(mutant.describe())
        killers = [items[test] for test in self._kills]
        while killers and (failed := self._fork(session, None, killers)[1]):
            self.unfit.append(failed)
            killers = [test for test in killers if test.nodeid not in self.unfit]
        self.seconds = (ran - began, time.monotonic() - ran)
        return True

    def _run_all(self, session, paths: set[str]) -> dict[tuple[str, int], set[str]]:
        """Run every test; return by file and line which of them reach it."""
        # Contexts are switched by hand, which the faster core of Python 3.14 does not know.
        coverage = Coverage(data_file=None, config_file=False, include=sorted(paths))
        coverage.set_option("run:core", "ctrace")
        coverage.start()
        for item in session.items:
            coverage.switch_context(item.nodeid)
            began = time.monotonic()
            self._run(session, item)
            self._seconds[item.nodeid] = time.monotonic() - began
        coverage.stop()
        reached = defaultdict(set)
        for path in paths:
            for line, contexts in coverage.get_data().contexts_by_lineno(path).items():
                reached[path, line] |= {*contexts} & self._seconds.keys() - self._broken
        return reached

    def _run(self, session, item) -> bool:
        """Run a test; return whether it passed. What the session has set up, such as the database, stays."""
        self._failed = ""
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=session)
        if self._failed:
            self._broken.add(item.nodeid)
        return not self._failed

    def _judge(self, session, mutant: Mutant, functions: Functions, reached, items: dict[str, Any]) -> None:
        path = mutant.mutation.path.resolve()
        changes = find_changes(path, read(mutant.mutation.path), mutant.source)
        tests = set().union(*(reached.get((str(path), line), ()) for line in mutant.lines))
        # First what has killed others, then the fastest.
        chosen = sorted(tests, key=lambda test: (-self._kills[test], self._seconds[test], test))
        outcome, killer = AT_IMPORT, ""
        if any(old in functions for old, _ in changes):
            outcome = NOT_COVERED
            if chosen:
                outcome, killer = self._fork(
                    session, partial(replace_code, functions, changes), [items[test] for test in chosen]
                )
        if killer in items:
            self._kills[killer] += 1
        self.outcomes.append((mutant, outcome, killer or f"{len(chosen)} tests"))

    def _fork(self, session, mutate: Callable[[], int] | None, tests: list[Any]) -> tuple[str, str]:
        """Return how the tests end in a child that is mutated first, and which of them failed."""
        _close_connections()
        reading, writing = os.pipe()
        limit = _SPARE_SECONDS + _TIMES_AS_LONG * sum(self._seconds[test.nodeid] for test in tests)
        process = os.fork()
        if not process:
            self._run_in_child(session, mutate, tests, writing, limit)
        os.close(writing)
        watched = os.pidfd_open(process)
        try:
            ended, _, _ = select.select([watched], [], [], 3 * limit)
        finally:
            os.close(watched)
            # What the tests started goes with them.
            os.killpg(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
        with os.fdopen(reading) as answer:
            killer = answer.read()
        if ended and os.waitstatus_to_exitcode(status) == 0:
            return SURVIVED, ""
        return KILLED, killer or "time"

    def _run_in_child(self, session, mutate, tests, writing: int, limit: float) -> NoReturn:
        try:
            os.setsid()
            processor = int(time.process_time() + limit) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
            session.config.pluginmanager.unregister(name="terminalreporter")
            if mutate is not None:
                mutate()
            for test in tests:
                if not self._run(session, test):
                    os.write(writing, test.nodeid.encode())
                    os._exit(1)
            os._exit(0)
        finally:
            os._exit(2)


def _close_connections() -> None:
    """Close every connection: a child would speak through its parent's."""
    from django.conf import settings  # noqa: PLC0415 - tests of no Django project are run as well

    if settings.configured:
        from django.db import connections  # noqa: PLC0415

        from tests import database_roles  # noqa: PLC0415

        database_roles.close_connections()
        connections.close_all()


def list_tests(targets: list[Path], root: Path) -> list[str]:
    """Return the tests of packages or files: the folder of each app, and what is named after it elsewhere."""
    found: dict[Path, None] = {}
    for target in targets:
        folders = [target.with_suffix(""), *target.parents]
        innermost = [folder.name for folder in folders if (root / folder / "apps.py").is_file()]
        names = [*innermost, *target.with_suffix("").parts]
        app = next((name for name in names if name and (root / "tests" / name).is_dir()), None)
        if app is None:
            raise SystemExit(f"No folder of tests is named after a part of {target}: name some with --tests.")
        found |= dict.fromkeys(sorted((root / "tests").glob(f"**/{app}")))
        found |= dict.fromkeys(sorted((root / "tests").glob(f"**/test_{app}.py")))
    # Those of the browser are left out anyway.
    return [name for name in (str(path.relative_to(root)) for path in found) if not name.startswith("tests/e2e")]
