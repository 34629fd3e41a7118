# Generated from aio/_parts/__init__.py by `make gen`; edit that file.
"""Engines of several partitions: a call goes to one partition or to all, and their answers are merged."""
