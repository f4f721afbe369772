"""The HTTP side: what answers workspace agents. Imports a web framework, so import it late."""
