#!/usr/bin/python3
"""Stands in for systemctl where systemd does not run: starts units by their lines, as their user, without the sandbox.

Copied into the root of a test as /usr/local/sbin/systemctl. Services that are not ours are left to `service`.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

UNITS = Path("/etc/systemd/system")
RUN = Path("/run")
#: Where systemd makes the folders of these keys.
FOLDERS = {"RuntimeDirectory": RUN, "StateDirectory": Path("/var/lib")}


def read_unit(path: Path) -> dict[str, list[str]]:
    """Return the values of each key of the section « Service »."""
    values: dict[str, list[str]] = defaultdict(list)
    section = path.read_text(encoding="utf-8").partition("[Service]\n")[2].partition("\n[Install]")[0]
    for line in section.splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            values[key].append(value)
    return values


def build_environment(unit: dict[str, list[str]]) -> dict[str, str]:
    """Return what systemd would give the unit's processes."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
    for file in unit["EnvironmentFile"]:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        environment.update(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    environment.update(pair.split("=", 1) for line in unit["Environment"] for pair in shlex.split(line))
    return environment


def make_folders(unit: dict[str, list[str]]) -> None:
    """Make the folders that the unit's processes may write to, theirs alone."""
    for key, parent in FOLDERS.items():
        for name in (one for line in unit[key] for one in line.split()):
            folder = parent / name
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, unit["User"][0], unit["Group"][0])
            folder.chmod(int((unit[f"{key}Mode"] or ["0755"])[0], 8))


def start(name: str) -> None:
    """Run the commands of a unit to their end (oneshot), or start its process. Raises `CalledProcessError`."""
    unit = read_unit(UNITS / f"{name}.service")
    make_folders(unit)
    for line in unit["ExecStart"]:
        with Path(f"/var/log/{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the unit's command
                shlex.split(line), cwd=unit["WorkingDirectory"][0], env=build_environment(unit),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=unit["User"][0], group=unit["Group"][0],
                extra_groups=[], umask=int(unit["UMask"][0], 8), start_new_session=True,
            )  # fmt: skip
        if unit["Type"] == ["oneshot"]:
            if process.wait():
                sys.exit(f"{name}: {line}\n{Path(f'/var/log/{name}.log').read_text(encoding='utf-8')}")
        else:
            (RUN / f"{name}.pid").write_text(str(process.pid), encoding="ascii")


def stop(name: str) -> None:
    """End the process of a unit, if it runs, and wait for that."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int((RUN / f"{name}.pid").read_text(encoding="ascii"))
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.1)


def main(verb: str, *names: str) -> None:
    """Do what the guide asks systemctl for."""
    for name in names:
        if name.startswith("-"):
            continue
        if not (UNITS / f"{name}.service").exists():
            subprocess.run(["/usr/sbin/service", name, "restart"], check=True)  # noqa: S603 - a name of the guide's
            continue
        if verb == "restart":
            stop(name)
        start(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
