"""Measure one subject with one peer, in that peer's environment, and print the values as a line of JSON."""

from __future__ import annotations

import importlib
import json
import sys


def main(subject: str, peer: str, *flags: str) -> None:
    measure = importlib.import_module(f"subjects.{subject}").measure
    print(json.dumps(measure(importlib.import_module(f"peers.{peer}"), quick="--quick" in flags)))


if __name__ == "__main__":
    main(*sys.argv[1:])
