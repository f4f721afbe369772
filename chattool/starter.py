"""What a new state directory begins with, so that its first agent can build at once."""

#: Who works on a state directory when nobody else is named.
DEFAULT_USER = "me"
#: What the group Everyone adds to the budget of each of its members, in credits.
ALLOWANCE = 40
