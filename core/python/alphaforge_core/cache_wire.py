"""Native codecs of the cache service: hot requests and responses, values, and the service's engine.

For the service and the client; programs use `alphaforge_core.cache`.
"""

from alphaforge_core._native.cache_wire import (
    CacheEngine,
    GetManyRequest,
    GetRequest,
    NearCopies,
    PutManyRequest,
    PutRequest,
    decode_get,
    decode_get_batches,
    decode_get_each,
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
    "decode_get_batches",
    "decode_get_each",
    "decode_get_entry",
    "decode_get_many",
    "decode_value",
    "encode_get",
    "encode_get_many",
    "encode_put",
    "encode_put_many",
    "encode_value",
]
