# Generated from aio/_calls/__init__.py by `make gen`; edit that file.
"""A client's calls and subscriptions: retries, deadlines, batches."""
