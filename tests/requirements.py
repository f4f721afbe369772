"""The promises and rules that tests have to prove, by id; a test names its own by a marker.

``@pytest.mark.requirement("P3")``. ``tests/test_requirements.py`` refuses an id without a test, and a test
with an unknown id.
"""

REQUIREMENTS = {
    "P1": "a committed job is never lost: it ends in a terminal state or is visibly pending",
    "P2": "a job is held by one daemon at a time; its effective finish is exactly once per attempt",
    "P3": "a daemon that lost its lease changes nothing more: no state, no logs, no credits",
    "P4": "a crashed daemon's job is repaired: queued again before the point of no return, failed after it",
    "P5": "a daemon cut off from the server stops its provisioner before the lease ends",
    "P6": "an idle daemon is woken by a new job, however the hint comes; a lost hint costs one poll",
    "P7": "a cancel reaches a running provisioner within two heartbeats; forced end after a stated time",
    "P8": "drain: no new claims; running builds finish or are handed back by the deadline",
    "P9": "credits: the ledger equals what replaying the builds says, after any crash",
    "P11": "the cost of a claim does not grow with finished rows",
    "P12": "leases use the database's clock; daemons with wrong clocks do not break P2",
    "quota-no-overspend": "N parallel builds against a budget for k end with exactly k running",
    "quota-owners-independent": "commits of different owners never wait for each other's quota lock",
    "quota-lock-timeout-is-no-refusal": "waiting too long for the quota never reads as a refusal",
    "quota-code-set-once": "INSUFFICIENT_QUOTA comes from the commit alone, never from a text",
    "cancel-before-apply-never-applies": "a build cancelled before its apply never applies",
    "sqlite-shared-by-processes": "processes share a SQLite file without one 'database is locked'",
}

#: Promises about numbers, which the benchmarks show and no test asserts.
MEASURED = {"P10": "floors of jobs per second and of the wait for a claim"}
