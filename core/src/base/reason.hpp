#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge {

// Why something was refused: one stable name and number for C++, Python (`error.reason`), the wire (`ErrorReason`) and the
// docs. A test holds this table against the proto enum. A new reason takes the next free number of its group, here and there.
#define ALPHAFORGE_REASONS(X)                                                       \
  /* numbers, names, times and batches: 1 to 19 */                                  \
  X(NUMBER_MALFORMED, 1, "a number is no decimal, or not finite")                   \
  X(NUMBER_OUT_OF_RANGE, 2, "a number does not fit its type")                       \
  X(NUMBER_TOO_PRECISE, 3, "a typed decimal has more than nine places")             \
  X(NAME_INVALID, 4, "an id or name is empty, too long or has control characters")  \
  X(TIME_OUT_OF_RANGE, 5, "a time lies outside the accepted range")                 \
  X(ENUM_UNKNOWN, 6, "an enumeration has no such member")                           \
  X(MESSAGE_MALFORMED, 7, "bytes are no valid message")                             \
  X(COLUMNS_UNEQUAL, 8, "columns of one batch differ in length")                    \
  X(LIMIT_EXCEEDED, 9, "a documented limit was exceeded")                           \
  X(SETTING_INVALID, 10, "a setting has a value it can't have")                     \
  X(PRICE_NOT_POSITIVE, 11, "a price is not above 0")                               \
  X(QUANTITY_NOT_POSITIVE, 12, "a quantity is not above 0")                         \
  X(VALUE_OVERFLOW, 13, "a value or a sum does not fit 128 bits")                   \
  X(INSTRUMENT_LIMIT, 14, "the engine has all the instruments it may have")         \
  X(PAGE_TOKEN_INVALID, 15, "a page token or cursor was not made by this call")     \
  X(TYPE_UNSUPPORTED, 16, "an argument has a type that can't be taken")             \
  X(COLUMNS_MISSING, 17, "a file lacks columns that are needed")                    \
  X(ROW_INVALID, 18, "a row of a file can't be read")                               \
  /* engines, services and calls: 20 to 49 */                                       \
  X(SETTINGS_DIFFER, 20, "the engine of that name has other settings")              \
  X(ENGINE_LIMIT, 21, "a service holds at most 1,000 engines")                      \
  X(EPOCH_CHANGED, 22, "the engine lost or reset its state since it was opened")    \
  X(INTERNAL, 23, "a bug in the service")                                           \
  X(BATCH_PARTLY_INVALID, 24, "some items of a batch were malformed")               \
  X(ENGINE_UNKNOWN, 25, "no engine or cache has that name")                         \
  X(REQUEST_ID_REUSED, 26, "a request id came again with another request")          \
  X(JOURNAL_FAILED, 27, "the journal can't be written")                             \
  X(SHUTTING_DOWN, 28, "the service is stopping")                                   \
  X(UNAVAILABLE, 29, "the service can't be reached")                                \
  X(DEADLINE_EXCEEDED, 30, "no answer before the deadline")                         \
  X(CANCELLED, 31, "the call was cancelled by its caller")                          \
  X(CLIENT_CLOSED, 32, "the client was closed before the call")                     \
  X(UNAUTHENTICATED, 33, "no credentials, or wrong ones")                           \
  X(PERMISSION_DENIED, 34, "the caller's role does not allow this call")            \
  X(RATE_LIMITED, 35, "more calls a second than the caller may make")               \
  X(STREAM_LIMIT, 36, "no more streams are allowed")                                \
  X(SUBSCRIBER_TOO_SLOW, 37, "a subscriber did not read fast enough")               \
  X(UNIMPLEMENTED, 38, "the service has no such method")                            \
  X(JOURNAL_BACKLOG, 39, "the journal has more to write than it may queue")         \
  X(JOURNAL_DAMAGED, 40, "the journal is damaged in its middle")                    \
  X(JOURNAL_FULL, 41, "the journal has reached the size it may have")               \
  X(JOURNAL_IN_USE, 42, "another process uses the journal")                         \
  X(FORK_UNSAFE, 43, "a process was forked while an asyncio client was open")       \
  /* cache: 50 to 99 */                                                             \
  X(KEY_INVALID, 50, "a cache key is empty or too long")                            \
  X(TTL_INVALID, 51, "a time to live is not above 0")                               \
  X(VALUE_UNSUPPORTED, 52, "a cache value of a type that can't be stored")          \
  X(VALUE_TOO_LARGE, 53, "a cache value is longer than 4 MiB")                      \
  X(VALUE_TOO_DEEP, 54, "a cache value is nested deeper than 32")                   \
  X(VALUE_MALFORMED, 55, "bytes are no valid cache value")                          \
  X(VALUE_NOT_NUMERIC, 56, "an increment met a value that is no int or Decimal")    \
  X(MEMORY_LIMIT, 57, "all caches together have the memory they may use")           \
  X(LEASE_LOST, 58, "a lease is over or belongs to somebody else")                  \
  /* data: 100 to 149 */                                                            \
  X(BAR_TYPE_INVALID, 100, "a bar type is not one of the documented names")         \
  X(BAR_TYPE_UNKNOWN, 101, "the engine builds no bars of that type")                \
  X(PRODUCER_SEQUENCE_GAP, 102, "a batch left out some of its producer's sequence") \
  X(PRODUCER_SEQUENCE_PAST, 103, "a batch is older than its producer's last one")   \
  /* execution: 150 to 199 */                                                       \
  X(ORDER_CONFLICT, 150, "an order id came again with other fields")                \
  X(ORDER_FIELD_MISSING, 151, "a field that the order's type needs is missing")     \
  X(ORDER_FIELD_SURPLUS, 152, "a field that the order's type lacks was given")      \
  X(SESSION_LAPSED, 153, "the session is over and its orders were cancelled")

enum class Reason : std::uint8_t {
#define X(name, number, help) name = number,
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
