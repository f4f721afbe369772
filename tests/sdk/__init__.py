"""The real SDKs against a loopback server that misbehaves; each runs in an environment of its own."""
