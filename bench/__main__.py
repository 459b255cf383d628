"""`python -m bench [NAME…] [--json]`: run the measures, all or those named, one line each."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

_COLUMNS = ("ours_s", "floor_s", "peer_s", "ratio_to_floor", "speedup_over_peer", "peak_mb")


def main() -> None:
    """Run what was asked for; an unknown name ends with the list of those there are."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one JSON list, with what each floor and peer is")
    options = parser.parse_args()

    # Asked to stop, it still drops its scratch database.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # noqa: PLC0415 - needs the path and the settings named above

    django.setup()
    from bench.registry import all_measures  # noqa: PLC0415 - imports models
    from bench.scratch import scratch_database  # noqa: PLC0415

    measures = all_measures()
    unknown = set(options.names) - measures.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: no such measure; there are {', '.join(measures)}.")
    results: list[dict[str, Any]] = []
    for name in options.names or measures:
        with scratch_database():
            figures = measures[name]().figures()
        results.append(figures)
        if not options.json:
            print(_line(figures), flush=True)
    if options.json:
        print(json.dumps(results, ensure_ascii=False, indent=2))


def _line(figures: dict[str, Any]) -> str:
    values = "  ".join(f"{column}={'-' if figures[column] is None else figures[column]}" for column in _COLUMNS)
    return f"name={figures['name']}  {values}"


if __name__ == "__main__":
    main()
