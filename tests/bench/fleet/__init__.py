"""Several daemons on one PostgreSQL, beside other queues in the same run: ``scripts/bench fleet``."""
