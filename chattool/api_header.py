"""How clients tell our servers from Coder's, whose paths and names they share."""

#: In every answer of a server of ours. Such a server keeps idempotency keys; Coder's does not know them.
API_HEADER = "Chattool-Api"
API_VERSION = "1"
