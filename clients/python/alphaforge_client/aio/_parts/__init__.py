"""Engines of several partitions: a call goes to one partition or to all, and their answers are merged."""
