"""
The head of requests, which services read before decoding. For the services only.
"""



def count_items(request: bytes, field: int) -> int:
    """
    How often a field occurs in a request. Decodes nothing. Raises InvalidArgument (MESSAGE_MALFORMED).
    """

def read_head(request: bytes, with_request_id: bool) -> tuple[str, int | None, str]:
    """
    Fields 1 to 3 of a request: the cache's or engine's name, the epoch, and the request's id if `with_request_id` (otherwise "").

    Reads the length of every field and decodes no other field. Raises InvalidArgument (MESSAGE_MALFORMED).
    """
