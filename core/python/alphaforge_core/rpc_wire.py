"""The head of requests, which services read before decoding. For the services only."""

from alphaforge_core._native.rpc_wire import count_items, read_head

__all__ = ["count_items", "read_head"]
