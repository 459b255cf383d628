"""`make mutants ARGS="licensing/requests/returns --share 0.2"`: which mutants of a package do its tests let live?"""

import argparse
import importlib
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.operators import KINDS
from tests.mutants.run import AT_IMPORT, KILLED, NOT_COVERED, SURVIVED, MutantRun, list_tests
from tests.mutants.security import build_breaks, list_named_tests
from tests.mutants.sources import Mutant, Mutation, build_mutants, list_mutations

ROOT = Path(__file__).resolve().parent.parent.parent
#: Folders whose modules are imported by a name that begins after them.
_SOURCE_ROOTS = (ROOT / "platform", ROOT)
_LEFT_OUT = {"migrations"}
_OUTCOMES = (KILLED, SURVIVED, NOT_COVERED, AT_IMPORT)


def main() -> int:
    """Run the mutants; return 0 but where the tests themselves did not run."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("targets", nargs="*", help="packages or files, of a file perhaps one line: app/module.py:12")
    parser.add_argument("--share", type=float, default=1.0, help="how much of the mutants to take: 0.2 is a fifth")
    parser.add_argument("--seed", type=int, default=0, help="the same one takes the same mutants")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["conditions", "comparisons"])
    parser.add_argument("--tests", nargs="+", help="folders, files or tests; those of the app otherwise")
    parser.add_argument("--security", action="store_true", help="those of docs/security.md, by the tests it names")
    arguments, of_pytest = parser.parse_known_args()
    if not arguments.targets and not arguments.security:
        parser.error("name packages or files, or --security")
    mutations, paths = [], []
    for target in arguments.targets:
        name, _, line = target.partition(":")
        paths.append(Path(name))
        for path in list_files(paths[-1]):
            mutations += list_mutations(path, arguments.kinds, {int(line)} if line else set())
    mutants = take(mutations, arguments.share, arguments.seed)
    tests = arguments.tests or list_tests(paths, ROOT)
    if arguments.security:
        mutants += build_breaks()
        tests = [*tests, *list_named_tests()]
        paths += sorted({mutant.mutation.path for mutant in mutants})
    run = MutantRun(mutants)
    # Factories draw the same values in each fork.
    fixed = ["-n", "0", "-q", "--randomly-dont-reorganize", "--randomly-seed=1"]
    status = pytest.main([*fixed, *of_pytest, *tests], plugins=[run, _Importer(mutants)])
    report(run, paths)
    return 0 if run.outcomes else int(status)


def list_files(target: Path) -> list[Path]:
    if target.is_file():
        return [target]
    return [path for path in sorted(target.rglob("*.py")) if not _LEFT_OUT & {*path.parts}]


def take(mutations: list[Mutation], share: float, seed: int) -> list[Mutant]:
    """Return the mutants of a share of the mutations, by chance."""
    if share < 1:
        chosen = {*random.Random(seed).sample(range(len(mutations)), round(share * len(mutations)))}  # noqa: S311
        mutations = [mutation for number, mutation in enumerate(mutations) if number in chosen]
    return build_mutants(mutations)


class _Importer:
    """Imports what is mutated before the first test: of a module that comes later no function would be found."""

    def __init__(self, mutants: list[Mutant]) -> None:
        self._paths = {mutant.mutation.path.resolve() for mutant in mutants}

    def pytest_collection_finish(self):
        for path in sorted(self._paths):
            root = next(root for root in _SOURCE_ROOTS if path.is_relative_to(root))
            parts = path.relative_to(root).with_suffix("").parts
            importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def report(run: MutantRun, targets: list[Path]) -> None:
    """Print how many of each target and kind ended how."""
    write = sys.stdout.write
    timed_out = sum(tests == "time" for _, _, tests in run.outcomes)
    write(f"\n{'':40}{''.join(f'{name:>13}' for name in ('mutants', *_OUTCOMES))}\n")
    for target in targets:
        found = [
            (mutant.mutation, outcome)
            for mutant, outcome, _ in run.outcomes
            if mutant.mutation.path.is_relative_to(target)
        ]
        for kind in dict.fromkeys(mutation.kind for mutation, _ in found):
            counts = Counter(outcome for mutation, outcome in found if mutation.kind == kind)
            if counts:
                row = "".join(f"{number:>13}" for number in (counts.total(), *(counts[name] for name in _OUTCOMES)))
                write(f"{f'{target} {kind}':40}{row}\n")
    write("{:.0f} s for the tests, {:.0f} s for the mutants.\n".format(*run.seconds))
    if timed_out:
        write(f"{timed_out} of the killed ran out of time.\n")
    for test in run.unfit:
        write(f"{test} fails in a fork without any mutation: what it killed may live.\n")


if __name__ == "__main__":
    sys.exit(main())
