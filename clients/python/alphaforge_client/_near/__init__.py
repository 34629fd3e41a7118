# Generated from aio/_near/__init__.py by `make gen`; edit that file.
"""Copies of cache entries in the client."""
