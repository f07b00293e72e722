"""Run the examples of a document: JSON on standard input, as ``[[source, expected output, exception, line], ...]``."""

from __future__ import annotations

import doctest
import json
import sys


def main() -> int:
    examples = [doctest.Example(*example) for example in json.load(sys.stdin)]
    document = doctest.DocTest(examples, {"__name__": "__main__"}, "document", "document", 0, None)
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(document)
    print(f"{result.attempted} examples")
    return result.failed


if __name__ == "__main__":
    raise SystemExit(main())
