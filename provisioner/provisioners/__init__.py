"""The provisioners, one module each; imported where one is asked for."""
