"""``chattool doctor``."""
import typer
def register(app): pass
