"""The cache service's messages as bytes: its engine, the hot requests and responses, and values, all natively.

What a program needs is in `alphaforge_core.cache`; this is what the service and the client are made of.
"""

from alphaforge_core._native.cache_wire import (
    CacheEngine,
    GetManyRequest,
    GetRequest,
    NearCopies,
    PutManyRequest,
    PutRequest,
    decode_get,
    decode_get_entry,
    decode_get_many,
    decode_value,
    encode_get,
    encode_get_many,
    encode_put,
    encode_put_many,
    encode_value,
)

__all__ = [
    "CacheEngine",
    "GetManyRequest",
    "GetRequest",
    "NearCopies",
    "PutManyRequest",
    "PutRequest",
    "decode_get",
    "decode_get_entry",
    "decode_get_many",
    "decode_value",
    "encode_get",
    "encode_get_many",
    "encode_put",
    "encode_put_many",
    "encode_value",
]
