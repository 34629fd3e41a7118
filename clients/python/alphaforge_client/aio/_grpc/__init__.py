"""Channels: the client's use of grpc."""
