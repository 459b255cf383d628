"""Mutated files of every format: how many are read, refused, raise an error, or lose a sheet in silence."""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any, NamedTuple

from bench.mutated.corpus import SourceFile, list_sources
from bench.mutated.mutations import MUTATIONS
from bench.mutated.opening import REFUSED, STOPPED, Opened, open_all
from bench.registry import measure

#: Mutated files, and the seed from which they are drawn.
FILES = int(os.environ.get("BENCH_FILES", "5200"))
SEED = int(os.environ.get("BENCH_SEED", "2026"))
#: Files that one child process opens.
_BATCH = 40
#: Failures that are printed.
_MAX_SHOWN = 20


class MutatedFile(NamedTuple):
    """A mutated file and where it comes from."""

    source: SourceFile
    mutation: str
    content: bytes


@dataclass(frozen=True)
class MutationMeasure:
    """Counts by format, and a sentence for each failure."""

    results: dict[str, Counter[str]]
    errors: list[str]
    lost: list[str]

    def figures(self) -> dict[str, Any]:
        """Return everything, for a program."""
        return {
            "name": "mutated_files", "seed": SEED, "files": sum(map(Counter.total, self.results.values())),
            "by_format": {suffix: dict(counts) for suffix, counts in sorted(self.results.items())},
            "errors": self.errors, "lost_sheets": self.lost,
        }  # fmt: skip

    def line(self) -> str:
        """Return a line a format, and the total."""
        total = sum(self.results.values(), Counter[str]())
        lines = [
            f"{suffix}: " + "  ".join(f"{result}={counts[result]}" for result in sorted(counts))
            for suffix, counts in sorted(self.results.items())
        ]
        counts = "  ".join(f"{result}={total[result]}" for result in sorted(total))
        head = f"name=mutated_files  seed={SEED}  files={total.total()}  {counts}"
        return "\n".join([head, *lines])

    def failures(self) -> list[str]:
        """Return files that raised an error, and those that lost a sheet in silence."""
        return [*self.errors[:_MAX_SHOWN], *self.lost[:_MAX_SHOWN]]


def mutate(sources: list[SourceFile], files: int, seed: int) -> Iterator[MutatedFile]:
    """Yield mutated files, the same ones from the same seed; each format and each mutation in turn."""
    rng = random.Random(seed)  # noqa: S311 - damage, not secrecy
    by_suffix: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for source in sources:
        by_suffix[source.suffix].append(source)
    suffixes, made = sorted(by_suffix), 0
    while made < files:
        for name, mutation in MUTATIONS.items():
            for suffix in suffixes:
                source = rng.choice(by_suffix[suffix])
                content = mutation(source.content, rng)
                if content is not None and made < files:
                    made += 1
                    yield MutatedFile(source, name, content)


def judge_files(files: Iterator[MutatedFile], sources: list[SourceFile]) -> MutationMeasure:
    """Open mutated files, and compare the number of their sheets with that of their sources."""
    sheets = dict(zip(sources, open_all([source.content for source in sources]), strict=True))
    found = MutationMeasure(defaultdict(Counter), [], [])
    found.errors.extend(f"{source.name}: {opened}" for source, opened in sheets.items() if isinstance(opened, str))
    for batch in batched(files, _BATCH):
        for file, opened in zip(batch, open_all([file.content for file in batch]), strict=True):
            result = _judge(file, opened, sheets[file.source], found)
            found.results[file.source.suffix][result] += 1
    return found


def _judge(file: MutatedFile, opened: Opened, before: Opened, found: MutationMeasure) -> str:
    what = f"{file.source.name}, {file.mutation}"
    if opened in (REFUSED, STOPPED):
        return str(opened)
    if isinstance(opened, str) or isinstance(before, str):
        found.errors.append(f"{what}: {opened}")
        return "error"
    if opened < before:
        found.lost.append(f"{what}: {opened} sheets of {before}")
        return "lost a sheet"
    return "read"


@measure("mutated_files")
def mutated_files() -> MutationMeasure:
    """5,200 mutated files (`BENCH_FILES`, `BENCH_SEED`): none raises an error, none loses a sheet in silence."""
    sources = list(list_sources())
    return judge_files(mutate(sources, FILES, SEED), sources)
