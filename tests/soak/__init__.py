"""A fleet under fire for minutes: ``scripts/soak --help``."""
