#include <nanobind/stl/optional.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "bindings/cache/cache.hpp"
#include "bindings/cache/value.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "cache/cache.hpp"
#include "cache/table.hpp"
#include "encoding/value_sum.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// A value copied from the table (small ones without an allocation), to decode after unlocking the table, since decoding
// runs Python code.
class Copy {
 public:
  explicit Copy(std::string_view bytes) : size_(bytes.size()) {
    if (size_ <= sizeof(small_))
      std::memcpy(small_, bytes.data(), size_);
    else
      large_ = bytes;
  }
  std::string_view view() const { return size_ <= sizeof(small_) ? std::string_view(small_, size_) : large_; }

 private:
  std::size_t size_;
  char small_[128];
  std::string large_;
};

struct Entry {
  Copy value;
  std::uint64_t version;
  std::int64_t expires_at_ns;
};

std::int64_t expiry(const GenericCache& self, nb::handle ttl, std::int64_t now_ns) {
  return deadline(now_ns, ttl.is_none() ? self.default_ttl_ns : to_ttl_ns(ttl));
}

double seconds_left(std::int64_t expires_at_ns, std::int64_t now_ns) {
  return expires_at_ns == kNever ? HUGE_VAL : static_cast<double>(expires_at_ns - now_ns) / 1e9;
}

std::optional<Entry> copied(const std::optional<cache::Found>& found) {
  if (!found) return std::nullopt;
  return Entry{Copy(found->value), found->version, found->expires_at_ns};
}

using Store = std::uint64_t (cache::Table::*)(const cache::HashedKey&, std::string_view, std::int64_t, std::int64_t);

template <Store store>
void put(GenericCache& self, nb::handle key, nb::handle value, nb::handle ttl) {
  const auto hashed = to_key(self.cache, key);
  std::string encoded;
  encode_value(value, encoded);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = expiry(self, ttl, now);
  with_gil(self.cache, [&](cache::Table& table) { return (table.*store)(hashed, encoded, expires, now); });
}

nb::object use(GenericCache& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto entry = with_gil(self.cache, [&](cache::Table& table) { return copied(table.use(hashed, now)); });
  if (!entry) return nb::none();
  return nb::make_tuple(decode_value(entry->value.view()));
}

nb::object get(GenericCache& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto entry = with_gil(self.cache, [&](cache::Table& table) { return copied(table.get(hashed, now)); });
  return entry ? decode_value(entry->value.view()) : nb::none();
}

nb::object get_entry(GenericCache& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto entry = with_gil(self.cache, [&](cache::Table& table) { return copied(table.get(hashed, now)); });
  if (!entry) return nb::none();
  return nb::make_tuple(decode_value(entry->value.view()), entry->version, seconds_left(entry->expires_at_ns, now));
}

bool put_if_absent(GenericCache& self, nb::handle key, nb::handle value, nb::handle ttl) {
  const auto hashed = to_key(self.cache, key);
  std::string encoded;
  encode_value(value, encoded);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = expiry(self, ttl, now);
  return with_gil(self.cache,
                  [&](cache::Table& table) { return table.compare_and_swap(hashed, 0, encoded, expires, now); }) != 0;
}

bool compare_and_swap(GenericCache& self, nb::handle key, std::uint64_t version, nb::handle value, nb::handle ttl) {
  const auto hashed = to_key(self.cache, key);
  std::string encoded;
  encode_value(value, encoded);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = expiry(self, ttl, now);
  // No entry has version 0; it must not be treated as put_if_absent here.
  if (version == 0) return false;
  return with_gil(self.cache, [&](cache::Table& table) {
           return table.compare_and_swap(hashed, version, encoded, expires, now);
         }) != 0;
}

nb::object increment(GenericCache& self, nb::handle key, nb::handle amount, nb::handle ttl) {
  const auto hashed = to_key(self.cache, key);
  std::string encoded;
  encode_value(amount, encoded);
  wire::check_amount(encoded);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = expiry(self, ttl, now);
  const std::string sum =
      with_gil(self.cache, [&](cache::Table& table) { return table.increment(hashed, encoded, expires, now).value; });
  return decode_value(sum);
}

bool touch(GenericCache& self, nb::handle key, nb::handle ttl) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = expiry(self, ttl, now);
  return with_gil(self.cache, [&](cache::Table& table) { return table.touch(hashed, expires, now); });
}

nb::object ttl(GenericCache& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto expires = with_gil(self.cache, [&](cache::Table& table) {
    const auto found = table.peek(hashed, now);
    return found ? std::optional(found->expires_at_ns) : std::nullopt;
  });
  return expires ? nb::object(nb::float_(seconds_left(*expires, now))) : nb::none();
}

// The keys and encoded values of a batch, concatenated in one string.
struct EncodedItems {
  struct Place {
    std::size_t key_end, value_end;
  };
  std::string bytes;
  std::vector<Place> places;

  void append(nb::handle key, nb::handle value) {
    bytes += key_text(key);
    const std::size_t key_end = bytes.size();
    encode_value(value, bytes);
    places.push_back({key_end, bytes.size()});
  }

  std::vector<cache::Item> hashed(const cache::Cache& cache) const {
    std::vector<cache::Item> items;
    items.reserve(places.size());
    std::size_t start = 0;
    for (const Place& place : places) {
      const std::string_view all = bytes;
      items.push_back({cache.hashed(all.substr(start, place.key_end - start)),
                       all.substr(place.key_end, place.value_end - place.key_end)});
      start = place.value_end;
    }
    return items;
  }
};

void put_many(GenericCache& self, nb::handle mapping, nb::handle ttl) {
  EncodedItems items;
  for_each_item(mapping, [&](nb::handle key, nb::handle value) { items.append(key, value); });
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = expiry(self, ttl, now);
  without_gil([&] { self.cache.put_many(items.hashed(self.cache), expires, now); });
}

nb::dict get_many(GenericCache& self, nb::handle keys) {
  const Keys batch = to_keys(self.cache, keys);
  struct Place {
    std::size_t index, end;
  };
  std::string bytes;
  std::vector<Place> found;
  const std::int64_t now = self.now_ns();
  without_gil([&] {
    found.reserve(batch.hashed.size());
    self.cache.get_many(batch.hashed, now, [&](std::size_t index, const cache::Found& entry) {
      bytes += entry.value;
      found.push_back({index, bytes.size()});
    });
  });
  nb::dict result;
  std::size_t start = 0;
  for (const Place& place : found) {
    const nb::object value = decode_value(std::string_view(bytes).substr(start, place.end - start));
    if (PyDict_SetItem(result.ptr(), batch.objects[place.index].ptr(), value.ptr()) != 0) throw nb::python_error();
    start = place.end;
  }
  return result;
}

cache::Settings to_settings(nb::handle max_size, nb::handle max_bytes) {
  const auto positive = [](nb::handle value, const char* what) {
    const std::int64_t number = to_count(value, what);
    if (number < 1)
      throw InvalidArgument(Reason::SETTING_INVALID,
                            std::string(what) + " is " + std::to_string(number) + "; it must be at least 1");
    return static_cast<std::uint64_t>(number);
  };
  return {positive(max_size, "max_size"), max_bytes.is_none() ? 0 : positive(max_bytes, "max_bytes")};
}

}  // namespace

void bind_generic_cache(nb::module_ m) {
  nb::class_<GenericCache, CacheBase>(m, "TypedCache", "The native part of GenericCache; see there.")
      .def(
          "__init__",
          [](GenericCache* self, nb::handle max_size, nb::handle default_ttl, nb::handle max_bytes, nb::object clock) {
            const std::int64_t ttl_ns = to_ttl_ns(default_ttl);
            new (self) GenericCache(to_settings(max_size, max_bytes), std::move(clock));
            self->default_ttl_ns = ttl_ns;
          },
          "max_size"_a, "default_ttl"_a, "max_bytes"_a.none(), "clock"_a.none(),
          nb::sig("def __init__(self, max_size: int, default_ttl: float, max_bytes: int | None, "
                  "clock: collections.abc.Callable[[], int] | None) -> None"))
      .def("put", &put<&cache::Table::put>, "key"_a, "value"_a.none(), "ttl"_a = nb::none(),
           nb::sig("def put(self, key: str, value: object, ttl: float | None = None) -> None"),
           "Stores a value for `ttl` seconds (None: default_ttl) and makes it the most recently used.")
      .def("get", &get, "key"_a, nb::sig("def get(self, key: str) -> typing.Any"),
           "Returns the value, or None if there is none or it has expired. Makes the entry the most "
           "recently used.")
      .def("get_entry", &get_entry, "key"_a,
           nb::sig("def get_entry(self, key: str) -> tuple[typing.Any, int, float] | None"),
           "Like get, with the entry's version (for compare_and_swap) and remaining seconds "
           "(math.inf: no expiry).")
      .def("put_many", &put_many, "items"_a, "ttl"_a = nb::none(),
           nb::sig("def put_many(self, items: collections.abc.Mapping[str, object], ttl: float | None = None) -> None"),
           "Stores many values in order. If one of them can't be stored, none is.")
      .def("warm_cache", &put_many, "items"_a, "ttl"_a = nb::none(),
           nb::sig(
               "def warm_cache(self, items: collections.abc.Mapping[str, object], ttl: float | None = None) -> None"),
           "Same as put_many.")
      .def("get_many", &get_many, "keys"_a,
           nb::sig("def get_many(self, keys: collections.abc.Iterable[str]) -> dict[str, typing.Any]"),
           "Returns the values found by key, in the order asked for.")
      .def("put_if_absent", &put_if_absent, "key"_a, "value"_a.none(), "ttl"_a = nb::none(),
           nb::sig("def put_if_absent(self, key: str, value: object, ttl: float | None = None) -> bool"),
           "Stores a value if the key has none; otherwise returns False and changes nothing.")
      .def("compare_and_swap", &compare_and_swap, "key"_a, "version"_a, "value"_a.none(), "ttl"_a = nb::none(),
           nb::sig(
               "def compare_and_swap(self, key: str, version: int, value: object, ttl: float | None = None) -> bool"),
           "Stores a value if the entry still has that version (see get_entry); otherwise returns "
           "False.")
      .def("increment", &increment, "key"_a, "amount"_a = 1, "ttl"_a = nb::none(),
           nb::sig("def increment(self, key: str, amount: int | decimal.Decimal = 1, ttl: float | None = None) -> int "
                   "| decimal.Decimal"),
           "Adds to an int or a Decimal, exactly, and returns the sum. A missing entry counts as 0; "
           "an existing one keeps its time to live.\n\n"
           "Raises RuntimeError (VALUE_NOT_NUMERIC) if the entry is not a number, ValueError "
           "(NUMBER_OUT_OF_RANGE) if an exact decimal sum has more than 1,000 digits.")
      .def("touch", &touch, "key"_a, "ttl"_a = nb::none(),
           nb::sig("def touch(self, key: str, ttl: float | None = None) -> bool"),
           "Sets an entry's time to live and makes it the most recently used; False if there is none.")
      .def("ttl", &ttl, "key"_a, nb::sig("def ttl(self, key: str) -> float | None"),
           "Remaining seconds of the entry: math.inf if it never expires, None if missing. Does not "
           "refresh it.");
  // Helpers of get_or_compute; not methods, since the remote cache has none of them.
  m.def("use", &use, "cache"_a, "key"_a, "A tuple of the value, or None: like get, but not counted.");
  m.def("store", &put<&cache::Table::store>, "cache"_a, "key"_a, "value"_a.none(), "ttl"_a.none(),
        "Like put, but not counted.");
}

void bind_cache(nb::module_ m) {
  bind_cache_base(m);
  bind_generic_cache(m);
}

}  // namespace alphaforge::bindings
