"""What each row of evidence stands for, in a few words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "E1": "a classification was attached",
    "E2": "the call was cancelled",
    "E3": "a continued conversation misses an item",
    "E4": "a stream ended without its last event",
    "E5": "no answer arrived",
    "E6": "marker of a used-up free allowance",
    "E7": "the conversation is too long",
    "E8": "the request is too large",
    "E9": "a code or detail that means spent money",
    "E10": "overloaded",
    "E11": "a code that refuses the request",
    "E12": "a code that blames the server",
    "E13": "words that mean spent money",
    "E14": "a code that means a rate limit",
    "E15": "words about a used-up allowance",
    "E16": "a code of the class of rate limits",
    "E17": "status, code or words about the key",
    "E18": "doubtful words about money on a billing-shaped status, or a 402",
    "E19": "code or words about model and settings",
    "E20": "a bare word about billing",
    "E21": "status, code or words about permission",
    "E22": "status 429 or words about a rate limit",
    "E23": "the provider was disabled",
    "E24": "a deadline, or a status or words of a time-out",
    "E25": "a server error, or an answer that cannot be read",
    "E26": "the status of a client error",
    "E27": "nothing else matched",
}


def meaning(evidence: str) -> str:
    """What the row in ``evidence`` stands for; ``""`` for the row of a host."""
    return MEANINGS.get(evidence.partition(":")[0], "")
