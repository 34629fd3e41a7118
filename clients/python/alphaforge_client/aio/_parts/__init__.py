"""Engines of several partitions: a call goes to one of them or to all, and what they answer is put together."""
