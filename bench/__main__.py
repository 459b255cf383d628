"""`python -m bench [NAME…] [--json]`: run the measures, all or those named, one line each."""

import argparse
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Run the named measures; exit with the list of measures on an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one JSON list, with what each floor and peer is")
    parser.add_argument("--minutes", type=float, help="how long `chaos` works (2.5)")
    options = parser.parse_args()
    if options.minutes is not None:
        os.environ["BENCH_MINUTES"] = str(options.minutes)

    # On SIGTERM, still drop the scratch database.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # noqa: PLC0415 - needs the path and the settings named above

    django.setup()
    from bench.registry import Unmeasurable, all_measures, has_own_server  # noqa: PLC0415 - imports models
    from bench.scratch_database import scratch_database  # noqa: PLC0415

    measures = all_measures()
    unknown = set(options.names) - measures.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: no such measure; there are {', '.join(measures)}.")
    results: list[dict[str, Any]] = []
    failures: list[str] = []
    for name in options.names or measures:
        try:
            with contextlib.nullcontext() if has_own_server(name) else scratch_database():
                measured = measures[name]()
        except Unmeasurable as refusal:
            failures.append(f"{name}: {refusal}")
            continue
        results.append(measured.figures())
        failures += [f"{name}: {failure}" for failure in measured.failures()]
        if not options.json:
            print(measured.line(), flush=True)
    if options.json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
