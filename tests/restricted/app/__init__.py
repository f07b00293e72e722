"""A program that uses asyncz, from wherever that is; ``conftest.py`` copies it, and says where."""
