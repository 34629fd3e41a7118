# Generated from aio/_grpc/__init__.py by `make gen`; edit that file.
"""Channels: the client's use of grpc."""
