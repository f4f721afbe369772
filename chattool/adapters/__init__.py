"""The tools in the form that SDKs and agent frameworks take: one small module for each.

Each hands over the schemas of ``chattool.schemas`` as they are, gives the model the envelope as text, sets
the framework's own mark of a failure, and passes the id of the call on, so that a repeated call gets the
first answer. A framework is imported only when its module's functions are called.
"""
