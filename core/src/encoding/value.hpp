#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "encoding/reader.hpp"

namespace alphaforge::wire {

// Levels of lists, tuples, sets and maps that a value may have.
inline constexpr int kValueDepthMax = 32;
// Bytes of a whole value's encoding.
inline constexpr std::size_t kValueBytesMax = 4 * 1024 * 1024;

// The members of alphaforge.cache.v1.Value's oneof, by their field numbers.
enum class ValueKind : std::uint32_t {
  kNull = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kString = 5,
  kBytes = 6,
  kList = 7,
  kMap = 8,
  kDecimal = 9,
  kDateTime = 10,
  kDate = 11,
  kTimeDelta = 12,
  kTuple = 13,
  kSet = 14,
  kBigInt = 15,
  kPrice = 16,
  kQuantity = 17,
  kNumpyScalar = 18,
  kNumpyArray = 19,
};

// A value taken apart by one level: a number in `number` or `real`, anything longer in `content`.
struct ValueParts {
  ValueKind kind = ValueKind::kNull;
  std::int64_t number = 0;
  double real = 0;
  std::string_view content;  // of the message given
};

struct DateTimeParts {
  std::int64_t local_us = 0;
  bool fold = false;
  std::int64_t utc_offset_us = 0;
  std::string_view zone_key;  // empty: the offset counts
};

struct TimeDeltaParts {
  std::int32_t days = 0;
  std::int32_t seconds = 0;
  std::int32_t microseconds = 0;
};

struct NumpyParts {
  char byte_order = '|';  // '<', '>' or '|'
  char kind = 'b';        // one of b i u f c m M S U
  std::size_t item_bytes = 1;
  std::string_view dtype;
  std::vector<std::uint64_t> shape;  // of an array
  std::string_view data;
};

// Where the local years 1 and 9999 begin and end, in days and microseconds from 1970.
inline constexpr std::int64_t kDaysMin = -719162;
inline constexpr std::int64_t kDaysMax = 2932896;
inline constexpr std::int64_t kDayUs = 86'400'000'000;
inline constexpr std::int64_t kTimeDeltaDaysMax = 999'999'999;
inline constexpr std::size_t kNumpyAxesMax = 64;

// Each decodes one level and checks everything that can be checked without Python: ranges, grammars, sizes, UTF-8.
// Throws InvalidArgument VALUE_MALFORMED.
ValueParts parse_value(std::string_view value);
DateTimeParts parse_datetime(std::string_view content);
TimeDeltaParts parse_timedelta(std::string_view content);
NumpyParts parse_numpy(std::string_view content, bool is_array);

// Calls visit(item) with the encoding of each item of a list, tuple or set.
template <class Visit>
void for_each_item(std::string_view content, Visit&& visit) {
  Reader reader(content);
  while (reader.next()) {
    if (reader.field() == 1)
      visit(reader.bytes());
    else
      reader.skip();
  }
}

// Calls visit(key, value) with the encodings of each entry of a map.
template <class Visit>
void for_each_entry(std::string_view content, Visit&& visit) {
  for_each_item(content, [&](std::string_view entry) {
    std::string_view key, value;
    bool has_key = false;
    bool has_value = false;
    Reader reader(entry);
    while (reader.next()) {
      if (reader.field() == 1)
        key = reader.once(has_key);
      else if (reader.field() == 2)
        value = reader.once(has_value);
      else
        reader.skip();
    }
    visit(key, value);
  });
}

// Whether a value of that kind may be the key of a map.
bool is_scalar(ValueKind kind);
// Whether it may be the member of a set; tuples may, if their items may.
bool is_container(ValueKind kind);

// Whether these are the nine bytes of a double, the value that most caches hold; they need no further check.
inline bool is_plain_double(std::string_view value) { return value.size() == 9 && value[0] == '\x21'; }
inline double plain_double(std::string_view value) {
  double number;
  std::memcpy(&number, value.data() + 1, 8);
  return number;
}

// Checks an encoded value through all its levels, and its size.
// Throws InvalidArgument: VALUE_MALFORMED, VALUE_TOO_DEEP, VALUE_TOO_LARGE.
void check_value(std::string_view value);
// Throws InvalidArgument VALUE_TOO_LARGE.
void check_value_size(std::size_t bytes);
[[noreturn]] void refuse_value(const char* what);
[[noreturn]] void refuse_depth();

}  // namespace alphaforge::wire
