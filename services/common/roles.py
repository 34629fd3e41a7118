"""Who may call what: each role may do what the ones before it may. A test holds the table against the protos."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

__all__ = ["AUDITED", "METHOD_ROLES", "Role"]


class Role(IntEnum):
    """What a token is good for."""

    READ = 1
    """Look and listen."""
    WRITE = 2
    """Change what engines hold, and make engines."""
    ADMIN = 3
    """Empty, drop and stop what others use."""


_READ = {
    "alphaforge.cache.v1.CacheService": (
        *("OpenCache", "ListCaches", "Get", "GetMany", "Contains", "GetSize", "GetStatistics", "GetTtl", "ListKeys"),
        *("SubscribeInvalidations", "ReportNearHits"),
    ),
    "alphaforge.data.v1.DataService": (
        *("OpenEngine", "ListEngines", "GetBars", "GetOpenBars", "ListInstruments", "GetStatistics"),
        *("GetProducerState", "SubscribeBars", "SubscribeTrades"),
    ),
    "alphaforge.execution.v1.ExecutionService": (
        *("OpenEngine", "ListEngines", "GetOrder", "ListOrders", "ListFills", "ListPositions", "ListOrderEvents"),
        *("GetStatistics", "GetEngineStatus", "GetProducerState", "SubscribeOrderEvents"),
    ),
}

_ORDERS = (
    *("SubmitOrder", "SubmitOrders", "CancelOrder", "CancelAllOrders", "ModifyOrder"),
    # The end of a session cancels orders.
    *("OpenSession", "CloseSession"),
)

_WRITE = {
    "alphaforge.cache.v1.CacheService": (
        *("Put", "PutMany", "PutIfAbsent", "CompareAndSwap", "Increment", "Touch", "Delete", "DeleteMany", "Clear"),
        *("AcquireLease", "RenewLease", "FulfillLease", "ReleaseLease"),
    ),
    "alphaforge.data.v1.DataService": ("Start", "Stop", "ProcessTradeTick", "ProcessTradeTicks", "AdvanceTime"),
    "alphaforge.execution.v1.ExecutionService": (
        *_ORDERS,
        *("ProcessTradeTick", "ProcessTradeTicks", "AdvanceTime", "KeepSession"),
    ),
}

_ADMIN = {
    "alphaforge.cache.v1.CacheService": ("ResetCache", "DropCache"),
    "alphaforge.data.v1.DataService": ("ResetEngine", "DropEngine"),
    "alphaforge.execution.v1.ExecutionService": ("ResetEngine", "DropEngine", "Halt", "Resume", "ValidateEngine"),
}

# The commands that the audit log keeps: all about orders, and what only admins may do.
AUDITED: Mapping[str, frozenset[str]] = {
    service: frozenset(methods + (_ORDERS if service == "alphaforge.execution.v1.ExecutionService" else ()))
    for service, methods in _ADMIN.items()
}

METHOD_ROLES: Mapping[str, Mapping[str, Role]] = {
    service: {
        method: role
        for role, table in ((Role.READ, _READ), (Role.WRITE, _WRITE), (Role.ADMIN, _ADMIN))
        for method in table[service]
    }
    for service in _READ
}
