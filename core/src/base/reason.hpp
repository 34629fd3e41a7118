#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge {

// The reasons of errors: one stable name and number for C++, Python (`error.reason`), the wire (`ErrorReason`) and the
// docs. A test compares this table with the proto enum. A new reason takes the next free number of its group in both.
#define ALPHAFORGE_REASONS(X)                                                        \
  /* numbers, names, times and batches: 1 to 19 */                                   \
  X(NUMBER_MALFORMED, 1, "a number is not a decimal, or not finite")                 \
  X(NUMBER_OUT_OF_RANGE, 2, "a number does not fit its type")                        \
  X(NUMBER_TOO_PRECISE, 3, "a typed decimal has more than nine places")              \
  X(NAME_INVALID, 4, "an id or name is empty, too long or has control characters")   \
  X(TIME_OUT_OF_RANGE, 5, "a time is outside the accepted range")                    \
  X(ENUM_UNKNOWN, 6, "an enumeration has no such member")                            \
  X(MESSAGE_MALFORMED, 7, "bytes are not a valid message")                           \
  X(COLUMNS_UNEQUAL, 8, "columns of one batch differ in length")                     \
  X(LIMIT_EXCEEDED, 9, "a documented limit was exceeded")                            \
  X(SETTING_INVALID, 10, "a setting has an invalid value")                           \
  X(PRICE_NOT_POSITIVE, 11, "a price is not above 0")                                \
  X(QUANTITY_NOT_POSITIVE, 12, "a quantity is not above 0")                          \
  X(VALUE_OVERFLOW, 13, "a value or a sum does not fit 128 bits")                    \
  X(INSTRUMENT_LIMIT, 14, "the engine has reached max_instruments")                  \
  X(PAGE_TOKEN_INVALID, 15, "a page token or cursor is invalid for this call")       \
  X(TYPE_UNSUPPORTED, 16, "an argument has an unsupported type")                     \
  X(COLUMNS_MISSING, 17, "a file lacks required columns")                            \
  X(ROW_INVALID, 18, "a row of a file is invalid")                                   \
  X(TIME_AHEAD, 19, "a time is too far in the future")                               \
  /* engines, services and calls: 20 to 49 */                                        \
  X(SETTINGS_DIFFER, 20, "the engine of that name has other settings")               \
  X(ENGINE_LIMIT, 21, "a service holds at most 1,000 engines")                       \
  X(EPOCH_CHANGED, 22, "the engine was reset or lost its state since it was opened") \
  X(INTERNAL, 23, "a bug in the service")                                            \
  X(BATCH_PARTLY_INVALID, 24, "some items of a batch were malformed")                \
  X(ENGINE_UNKNOWN, 25, "no engine or cache has that name")                          \
  X(REQUEST_ID_REUSED, 26, "a request id was reused for a different request")        \
  X(JOURNAL_FAILED, 27, "the journal can't be written")                              \
  X(SHUTTING_DOWN, 28, "the service is stopping")                                    \
  X(UNAVAILABLE, 29, "the service can't be reached")                                 \
  X(DEADLINE_EXCEEDED, 30, "no response before the deadline")                        \
  X(CANCELLED, 31, "the call was cancelled by its caller")                           \
  X(CLIENT_CLOSED, 32, "the client was closed before the call")                      \
  X(UNAUTHENTICATED, 33, "no credentials, or invalid ones")                          \
  X(PERMISSION_DENIED, 34, "the caller's role does not allow this call")             \
  X(RATE_LIMITED, 35, "the caller exceeds its limit of calls per second")            \
  X(STREAM_LIMIT, 36, "too many open streams")                                       \
  X(SUBSCRIBER_TOO_SLOW, 37, "the subscriber was too slow and was disconnected")     \
  X(UNIMPLEMENTED, 38, "the service has no such method")                             \
  X(JOURNAL_BACKLOG, 39, "the journal's queue is full")                              \
  X(JOURNAL_DAMAGED, 40, "the journal is damaged")                                   \
  X(JOURNAL_FULL, 41, "the journal has reached its maximum size")                    \
  X(JOURNAL_IN_USE, 42, "another process uses the journal")                          \
  X(FORK_UNSAFE, 43, "a process was forked while an asyncio client was open")        \
  X(OUTCOME_UNKNOWN, 44, "a change may or may not have been written; repeat it")     \
  X(JOURNAL_VERSION, 45, "the journal was written by another release")               \
  X(AUDIT_FAILED, 46, "the audit log can't be written")                              \
  X(OVERLOADED, 47, "the service is overloaded")                                     \
  X(NOT_PRIMARY, 48, "another candidate of the shard is the primary")                \
  X(ANSWER_MALFORMED, 49, "the client can't decode a response of the service")       \
  /* cache: 50 to 99 */                                                              \
  X(KEY_INVALID, 50, "a cache key is empty or too long")                             \
  X(TTL_INVALID, 51, "a time to live is not above 0")                                \
  X(VALUE_UNSUPPORTED, 52, "a cache value has an unsupported type")                  \
  X(VALUE_TOO_LARGE, 53, "a cache value is longer than 4 MiB")                       \
  X(VALUE_TOO_DEEP, 54, "a cache value is nested more than 32 deep")                 \
  X(VALUE_MALFORMED, 55, "bytes are not a valid cache value")                        \
  X(VALUE_NOT_NUMERIC, 56, "the value of an increment is not an int or Decimal")     \
  X(MEMORY_LIMIT, 57, "the caches have reached their memory limit")                  \
  X(LEASE_LOST, 58, "a lease has ended or belongs to another caller")                \
  /* data: 100 to 149 */                                                             \
  X(BAR_TYPE_INVALID, 100, "a bar type is not one of the documented names")          \
  X(BAR_TYPE_UNKNOWN, 101, "the engine does not build that bar type")                \
  X(PRODUCER_SEQUENCE_GAP, 102, "a batch skipped sequences of its producer")         \
  X(PRODUCER_SEQUENCE_PAST, 103, "a batch is older than its producer's last one")    \
  /* execution: 150 to 199 */                                                        \
  X(ORDER_CONFLICT, 150, "an order id was reused with different fields")             \
  X(ORDER_FIELD_MISSING, 151, "a field required by the order's type is missing")     \
  X(ORDER_FIELD_SURPLUS, 152, "a given field does not apply to the order's type")    \
  X(SESSION_LAPSED, 153, "the session has ended and its orders were cancelled")      \
  X(INSTRUMENT_IN_USE, 154, "multiplier, kind and currency are fixed once traded")   \
  /* engines, services and calls, from 20 to 49 continued: 200 to 219 */             \
  X(ENGINE_MOVED, 200, "another shard has the engine")

enum class Reason : std::uint8_t {
#define X(name, number, help) name = (number),
  ALPHAFORGE_REASONS(X)
#undef X
};

constexpr std::string_view name_of(Reason reason) {
  switch (reason) {
#define X(name, number, help) \
  case Reason::name:          \
    return #name;
    ALPHAFORGE_REASONS(X)
#undef X
  }
  return "INTERNAL";
}

}  // namespace alphaforge
