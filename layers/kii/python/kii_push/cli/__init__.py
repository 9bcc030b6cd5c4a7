"""The command line; `__main__.py` says how to run it. It stays out of the deployed layer."""
