"""Mutants are made where they are said to be, replace what runs, and live or die by the tests that reach them."""

import functools
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.live_code import find_changes, find_functions, replace_code
from tests.mutants.operators import KINDS, NegateOtherCondition, ReplaceMembership
from tests.mutants.run import list_tests
from tests.mutants.security import build_breaks, list_named_tests
from tests.mutants.sources import build_mutants, find_lines, list_mutations

ROOT = Path(__file__).resolve().parent.parent.parent

RULES = """\
def once(function):
    def call(number):
        return function(number)
    return call


@once
def is_large(number):
    return number > 2


def never_asked(number):
    return not number


def half_asked(number):
    return number == 1 or number == 2
"""
TESTS = """\
import rules


def test_a_large_number():
    assert rules.is_large(3)
    assert not rules.is_large(2)


def test_a_number():
    assert rules.half_asked(1)
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.py"
    path.write_text(RULES)
    return path


@pytest.mark.parametrize("operator", [NegateOtherCondition(), ReplaceMembership()], ids=lambda one: type(one).__name__)
def test_our_operators_change_what_their_examples_say(operator, tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "ours", [operator])
    for number, example in enumerate(operator.examples()):
        path = tmp_path / f"{number}.py"
        path.write_text(example.pre_mutation_code)
        [mutant] = build_mutants(list(list_mutations(path, ["ours"], set())))
        assert mutant.source == example.post_mutation_code


def test_what_two_operators_agree_on_is_one_mutant(tmp_path):
    path = tmp_path / "rule.py"
    path.write_text("if not a:\n    b = 1\n")
    mutations = list(list_mutations(path, ["conditions"], set()))
    assert len(mutations) == 2
    assert [mutant.source.split("\n")[0].split() for mutant in build_mutants([*mutations, *mutations])] == [
        ["if", "not", "not", "a:"],
        ["if", "a:"],
    ]


STATEMENTS = """\
def f(a, b):
    if (a
            and b):
        return a
    c = (a
         or b)
    match c:
        case 1 if a:
            return b
"""


@pytest.mark.parametrize(
    ("line", "lines"), [(1, {1}), (3, {2, 3}), (4, {4}), (5, {5, 6}), (6, {5, 6}), (8, {7, 8}), (9, {9})]
)
def test_a_condition_is_reached_by_any_line_of_its_statement(line, lines):
    assert find_lines(STATEMENTS, line) == lines


@pytest.mark.slow
def test_the_code_of_a_decorated_function_is_replaced(rules):
    namespace: dict[str, Any] = {"__name__": "rules"}
    exec(compile(RULES, str(rules), "exec", dont_inherit=True), namespace)  # noqa: S102 - our own
    kept = functools.partial(namespace["is_large"], 2)
    changes = find_changes(rules, RULES, RULES.replace("> 2", ">= 2"))
    assert not kept()
    # As the modules are that tests import.
    gc.freeze()
    assert replace_code(find_functions({str(rules)}), changes) == 1
    assert kept()


def test_the_tests_of_a_package_are_those_named_after_its_app():
    tests = list_tests([Path("licensing/requests/returns/operations")], ROOT)
    assert tests[:2] == ["tests/returns", "tests/api/pools/test_returns.py"]
    assert {Path(name).name for name in tests} == {"returns", "test_returns.py"}
    assert not any("e2e" in name for name in tests)


def test_each_break_of_security_changes_one_function_and_keeps_the_others():
    for broken in build_breaks():
        path = ROOT / broken.mutation.path
        changes = find_changes(path, path.read_text(encoding="utf-8"), broken.source)
        assert changes, broken.describe()
        assert any(old.co_name != "<module>" for old, _ in changes), broken.describe()


def test_the_tests_that_break_security_are_those_of_its_document():
    assert {"tests/api/test_tokens.py", "tests/accounts/test_sessions.py"} <= {*list_named_tests()}
    assert all((ROOT / name.partition("::")[0]).is_file() for name in list_named_tests())


@pytest.mark.slow
def test_mutants_live_or_die_by_the_tests_that_reach_them(rules):
    (rules.parent / "test_rules.py").write_text(TESTS)
    program = (
        "import pytest, sys; from pathlib import Path; from tests.mutants.run import MutantRun;"
        "from tests.mutants.sources import build_mutants, list_mutations;"
        "run = MutantRun(build_mutants(list(list_mutations(Path('rules.py'), ['conditions', 'comparisons'], set()))));"
        "pytest.main(['-q', '-c', 'none.ini', '--rootdir=.', '-p', 'no:cacheprovider'], plugins=[run]);"
        "print([(mutant.mutation.line, outcome) for mutant, outcome, _ in run.outcomes], run.unfit)"
    )
    (rules.parent / "none.ini").touch()
    answer = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", program],
        cwd=rules.parent,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = answer.stdout.strip().splitlines()[-1]
    assert printed == ("[(13, 'not covered'), (17, 'killed'), (17, 'killed'), (17, 'survived'), (9, 'killed')] []"), (
        answer.stdout + answer.stderr
    )
