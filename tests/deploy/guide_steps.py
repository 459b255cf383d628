"""The commands of docs/deploy.md, « First installation »: what an operator types, step by step."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
_SECTION = re.compile(r"^## First installation\n(.*?)^##+ ", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\*\*(\d+)\. ([^*]+?)[.,]?\*\*", re.MULTILINE)
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROMPT = "# "
_VALUE = re.compile(r"[A-Z_]+=\S+")


class GuideStep(NamedTuple):
    number: int
    title: str
    commands: list[str]


def read_steps(guide: str) -> list[GuideStep]:
    """Return the numbered steps of the first installation. Raises `ValueError` where a block has no prompt."""
    [section] = _SECTION.findall(guide)
    starts = list(_STEP.finditer(section))
    ends = [start.start() for start in starts[1:]] + [len(section)]
    return [
        GuideStep(int(start[1]), start[2], _read_commands(section[start.end() : end]))
        for start, end in zip(starts, ends, strict=True)
    ]


def _read_commands(text: str) -> list[str]:
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    if strangers := [line for line in lines if not line.startswith(_PROMPT)]:
        raise ValueError(f"Not a command of root: {strangers}")
    return [line.removeprefix(_PROMPT) for line in lines]


def list_values(step: GuideStep) -> dict[str, str]:
    """Return the values that an operator chooses. Raises `ValueError` where the step has another command."""
    if strangers := [command for command in step.commands if not _VALUE.fullmatch(command)]:
        raise ValueError(f"Not a value: {strangers}")
    return dict(command.split("=", 1) for command in step.commands)


def build_script(steps: list[GuideStep], values: dict[str, str]) -> str:
    """Return the steps as one script of bash that stops at the first failure; `values`: in place of the guide's."""
    first, *others = steps
    if values.keys() != list_values(first).keys():
        raise ValueError(f"The guide asks for other values: {', '.join(list_values(first))}")
    lines = ["set -euo pipefail", *(f"{name}={value}" for name, value in values.items())]
    for step in others:
        title = shlex.quote(f"=== {step.number}. {step.title}")
        lines += [f'echo {title} "($SECONDS s)"', *step.commands]
    return "\n".join([*lines, 'echo "=== $SECONDS s"', ""])
