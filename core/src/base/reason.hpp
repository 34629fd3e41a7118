#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge {

// Why something was refused: one stable name for C++, Python (`error.reason`), the wire (`ErrorReason`) and the docs.
// A test holds this table against the proto enum. Grouped by noun, sorted inside a group.
#define ALPHAFORGE_REASONS(X)                                                  \
  /* numbers and names */                                                      \
  X(BAR_TYPE_INVALID, "a bar type is not one of the documented names")         \
  X(COLUMNS_UNEQUAL, "columns of one batch differ in length")                  \
  X(ENUM_UNKNOWN, "an enumeration has no such member")                         \
  X(LIMIT_EXCEEDED, "a documented limit was exceeded")                         \
  X(MESSAGE_MALFORMED, "bytes are no valid message")                           \
  X(NAME_INVALID, "an id or name is empty, too long or has control characters")\
  X(NUMBER_MALFORMED, "a number is no decimal, or not finite")                 \
  X(NUMBER_OUT_OF_RANGE, "a number does not fit its type")                     \
  X(NUMBER_TOO_PRECISE, "a typed decimal has more than nine places")           \
  X(SETTING_INVALID, "a setting has a value it can't have")                    \
  X(TIME_OUT_OF_RANGE, "a time lies outside the accepted range")               \
  X(TYPE_UNSUPPORTED, "an argument has a type that can't be taken")            \
  /* engines */                                                                \
  X(SETTINGS_DIFFER, "the engine of that name has other settings")             \
  X(ENGINE_LIMIT, "a service holds at most 1,000 engines")                     \
  X(EPOCH_CHANGED, "the engine lost or reset its state since it was opened")   \
  X(VALUE_UNSUPPORTED, "a cache value of a type that can't be stored")         \
  X(BATCH_PARTLY_INVALID, "some items of a batch were malformed")             \
  X(INTERNAL, "a bug in the service")

enum class Reason : std::uint8_t {
#define X(name, help) name,
  ALPHAFORGE_REASONS(X)
#undef X
};

constexpr std::string_view name_of(Reason reason) {
  switch (reason) {
#define X(name, help) \
  case Reason::name:  \
    return #name;
    ALPHAFORGE_REASONS(X)
#undef X
  }
  return "INTERNAL";
}

}  // namespace alphaforge
