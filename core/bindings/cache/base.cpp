#include <bits/time.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "bindings/bindings.hpp"
#include "bindings/cache/cache.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "cache/cache.hpp"
#include "cache/counters.hpp"
#include "cache/hash.hpp"
#include "cache/table.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

cache::HashSeed random_seed() {
  std::random_device device;
  const auto word = [&] { return std::uint64_t{device()} << 32 | device(); };
  return {word(), word()};
}

// alphaforge_core.cache.GenericCacheStatistics
struct CacheStatistics {
  cache::Counters counters;

  double hit_ratio() const {
    const std::uint64_t asked = counters.hits + counters.misses;
    return asked == 0 ? 0.0 : static_cast<double>(counters.hits) / static_cast<double>(asked);
  }
  nb::dict as_dict() const {
    nb::dict dict;
#define X(name, kind, unit, help) dict[#name] = counters.name;
    ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
    dict["hit_ratio"] = hit_ratio();
    return dict;
  }
};

void bind_statistics(nb::module_ m) {
  nb::class_<CacheStatistics> type(m, "GenericCacheStatistics",
                                   "The counters of a cache at one moment. `clear()` keeps the counters.");
#define X(name, kind, unit, help) \
  type.def_prop_ro(#name, [](const CacheStatistics& self) { return self.counters.name; }, help);
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
  type.def(
          "__init__",
          [](CacheStatistics* self, const nb::kwargs& counters) {
            new (self) CacheStatistics();
#define X(name, kind, unit, help) read_counter(counters, #name, self->counters.name);
            ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
          },
          nb::sig("def __init__(self, **counters: int | float) -> None"),
          "Counters from a service; missing ones are 0.")
      .def_prop_ro("hit_ratio", &CacheStatistics::hit_ratio, "hits / (hits + misses); 0.0 without lookups")
      .def("as_dict", &CacheStatistics::as_dict, nb::sig("def as_dict(self) -> dict[str, int | float]"),
           "All counters by name.")
      .def("__repr__",
           [](const CacheStatistics& self) { return nb::str("GenericCacheStatistics({})").format(self.as_dict()); });
  nb::list counters;
#define X(name, kind, unit, help) counters.append(nb::make_tuple(#name, #kind, unit, help));
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
  m.attr("COUNTERS") = nb::tuple(counters);
}

std::uint64_t delete_many(CacheBase& self, nb::handle keys) {
  const Keys batch = to_keys(self.cache, keys);
  const std::int64_t now = self.now_ns();
  return without_gil([&] { return self.cache.erase_many(batch.hashed, now); });
}

void clear(CacheBase& self) {
  const std::int64_t now = self.now_ns();
  without_gil([&] { self.cache.clear(now); });
}

cache::Counters counters(CacheBase& self) {
  const std::int64_t now = self.now_ns();
  return without_gil([&] { return self.cache.counters(now); });
}

nb::object keys_page(CacheBase& self, std::string_view prefix, std::int64_t limit, std::string_view cursor) {
  if (limit < 1)
    throw InvalidArgument(Reason::SETTING_INVALID, "limit is " + std::to_string(limit) + "; it must be at least 1");
  const std::int64_t now = self.now_ns();
  const cache::KeyPage page =
      without_gil([&] { return self.cache.keys(prefix, static_cast<std::size_t>(limit), cursor, now); });
  nb::list keys;
  for (const std::string& key : page.keys) keys.append(to_str(key));
  return nb::make_tuple(keys, page.next_cursor);
}

}  // namespace

CacheBase::CacheBase(const cache::Settings& settings, nb::object clock_or_none)
    : cache(settings, random_seed()), clock(std::move(clock_or_none)) {}

std::int64_t read_clock(const nb::object& clock) {
  if (!clock.is_none()) return nb::cast<std::int64_t>(clock());
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

cache::Settings to_bounds(std::uint64_t max_size, std::optional<std::uint64_t> max_bytes) {
  if (max_bytes == 0) throw InvalidArgument(Reason::SETTING_INVALID, "max_bytes is 0; it must be at least 1");
  return {max_size, max_bytes.value_or(0)};
}

std::string_view key_text(nb::handle key) {
  if (!PyUnicode_Check(key.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                           std::string("a key must be a str, not ") + nb::str(nb::type_name(key.type())).c_str());
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(key.ptr(), &size);
  if (text != nullptr) return {text, static_cast<std::size_t>(size)};
  PyErr_Clear();
  throw InvalidArgument(Reason::KEY_INVALID, "the key has a lone surrogate, which is not valid text");
}

cache::HashedKey to_key(const cache::Cache& cache, nb::handle key) { return cache.hashed(key_text(key)); }

void check_keys(nb::handle keys) {
  if (PyUnicode_Check(keys.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, "keys must be an iterable of str, not one str");
}

Keys to_keys(const cache::Cache& cache, nb::handle keys) {
  check_keys(keys);
  Keys result;
  const Py_ssize_t hint = PyObject_LengthHint(keys.ptr(), 0);
  if (hint < 0) PyErr_Clear();
  if (hint > 0) {
    result.objects.reserve(static_cast<std::size_t>(hint));
    result.hashed.reserve(static_cast<std::size_t>(hint));
  }
  for (const nb::handle key : nb::iter(keys)) {
    result.hashed.push_back(to_key(cache, key));
    result.objects.push_back(nb::borrow(key));
  }
  return result;
}

std::int64_t to_ttl_ns(nb::handle seconds) {
  if (!PyNumber_Check(seconds.ptr()) || PyBool_Check(seconds.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, std::string("ttl must be a number of seconds, not ") +
                                                         nb::str(nb::type_name(seconds.type())).c_str());
  const double value = PyFloat_AsDouble(seconds.ptr());
  if (value == -1.0 && PyErr_Occurred() != nullptr) throw nb::python_error();
  if (!(value > 0))
    throw InvalidArgument(Reason::TTL_INVALID, "ttl is " + std::to_string(value) +
                                                   " seconds; it must be above 0, or math.inf to keep the entry");
  const double ns = value * static_cast<double>(kSecond);
  // Beyond 64 bits, 292 years, is never.
  if (ns >= static_cast<double>(kNever)) return kNever;
  return std::max<std::int64_t>(1, std::llrint(ns));
}

std::int64_t deadline(std::int64_t now_ns, std::int64_t ttl_ns) {
  std::int64_t at = 0;
  return ttl_ns == kNever || __builtin_add_overflow(now_ns, ttl_ns, &at) ? kNever : at;
}

void bind_cache_base(nb::module_ m) {
  bind_statistics(m);
  nb::class_<CacheBase>(m, "CacheBase", "The common part of GenericCache and CacheEngine.")
      .def(
          "delete",
          [](CacheBase& self, nb::handle key) {
            const auto hashed = to_key(self.cache, key);
            const std::int64_t now = self.now_ns();
            return with_gil(self.cache, [&](cache::Table& table) { return table.erase(hashed, now); });
          },
          "key"_a, nb::sig("def delete(self, key: str) -> bool"), "Deletes an entry; True if there was one.")
      .def(
          "contains",
          [](CacheBase& self, nb::handle key) {
            const auto hashed = to_key(self.cache, key);
            const std::int64_t now = self.now_ns();
            return with_gil(self.cache, [&](cache::Table& table) { return table.contains(hashed, now); });
          },
          "key"_a, nb::sig("def contains(self, key: str) -> bool"),
          "Whether there is an entry, including a stored None. Does not refresh the entry.")
      .def(
          "size", [](CacheBase& self) { return counters(self).entries; },
          "The number of entries that have not expired.")
      .def("clear", &clear,
           "Removes all entries and keeps the counters. Other threads don't wait for the memory to be freed.")
      .def("delete_many", &delete_many, "keys"_a,
           nb::sig("def delete_many(self, keys: collections.abc.Iterable[str]) -> int"),
           "Deletes entries and returns how many there were.")
      .def(
          "statistics", [](CacheBase& self) { return CacheStatistics{counters(self)}; }, "The current counters.")
      .def("keys_page", &keys_page, "prefix"_a, "limit"_a, "cursor"_a,
           nb::sig("def keys_page(self, prefix: str, limit: int, cursor: str) -> tuple[list[str], str]"),
           "Returns at most `limit` keys with that prefix, in no particular order, and the cursor of "
           "the next page, \"\" after the last.\n\n"
           "A key that exists from the first page to the last is listed exactly once. Raises "
           "ValueError (PAGE_TOKEN_INVALID) for an invalid cursor.")
      .def(
          "resize",
          [](CacheBase& self, std::uint64_t max_size, std::optional<std::uint64_t> max_bytes) {
            const cache::Settings bounds = to_bounds(max_size, max_bytes);
            const std::int64_t now = self.now_ns();
            without_gil([&] { self.cache.resize(bounds, now); });
          },
          "max_size"_a, "max_bytes"_a = nb::none(),
          nb::sig("def resize(self, max_size: int, max_bytes: int | None = None) -> None"),
          "Sets new limits (None: no limit); entries beyond them are evicted immediately.")
      .def(
          "release_expired",
          [](CacheBase& self) {
            const std::int64_t now = self.now_ns();
            without_gil([&] { self.cache.release_expired(now); });
          },
          "Frees all expired entries. Other calls free a few each; this one is for a timer.")
      .def(
          "validate",
          [](CacheBase& self) { without_gil(self.cache, [](const cache::Table& table) { table.validate(); }); },
          "For tests: checks the cache's consistency; raises RuntimeError (INTERNAL) at the first "
          "contradiction.");
}

}  // namespace alphaforge::bindings
