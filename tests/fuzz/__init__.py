"""Random tests that take too long for the suite. See `python -m tests.fuzz --help`."""
