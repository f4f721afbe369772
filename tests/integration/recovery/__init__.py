"""An agent that knows only what the tools say of themselves finds its way out of every trouble."""
