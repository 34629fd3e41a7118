"""Copies of cache entries in the client."""
