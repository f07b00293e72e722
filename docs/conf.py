"""How the documentation is built: ``sphinx-build -W docs docs/_build``."""

import doctest

import asyncz

project = "asyncz"
author = "The asyncz authors"
project_copyright = "2026, the asyncz authors"
version = release = asyncz.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns = ["_build"]
html_theme = "alabaster"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
# The flags of the pytest configuration, so that an example means the same to both.
doctest_default_flags = doctest.ELLIPSIS
# A plain ``>>>`` block is an example that runs, like a ``testcode`` block.
doctest_test_doctest_blocks = "default"
