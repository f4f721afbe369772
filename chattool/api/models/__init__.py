"""What the HTTP API takes and answers, as pydantic models: Coder's JSON names, and a few of our own."""
