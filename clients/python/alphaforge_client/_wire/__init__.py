"""Requests and responses: encoding and decoding, without I/O."""
