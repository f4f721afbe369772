"""Benchmarks: ``python -m tests.bench``. They print numbers and judge nothing; no test reads them."""
