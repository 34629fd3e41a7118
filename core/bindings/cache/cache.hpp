#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "bindings/bindings.hpp"
#include "cache/cache.hpp"
#include "cache/table.hpp"

namespace alphaforge::bindings {

// Nanoseconds of a Python clock; None: the system's monotonic clock.
std::int64_t read_clock(const nb::object& clock);

// A cache with its clock: the common part of both Python classes.
struct CacheBase {
  CacheBase(const cache::Settings& settings, nb::object clock_or_none);

  cache::Cache cache;
  nb::object clock;  // None: the system's monotonic clock

  std::int64_t now_ns() const { return read_clock(clock); }
};

// alphaforge_core.cache.GenericCache: typed values, times in seconds.
struct GenericCache : CacheBase {
  using CacheBase::CacheBase;
  std::int64_t default_ttl_ns = kNever;
};

// alphaforge_core.cache.CacheEngine: encoded values, requests and responses of the service, times in nanoseconds.
struct CacheEngine : CacheBase {
  using CacheBase::CacheBase;
};

// The UTF-8 of a key; valid as long as the str lives. Throws UnsupportedValue TYPE_UNSUPPORTED, InvalidArgument
// KEY_INVALID.
std::string_view key_text(nb::handle key);
cache::HashedKey to_key(const cache::Cache& cache, nb::handle key);

// The keys of a call, kept alive while the GIL is released.
struct Keys {
  std::vector<nb::object> objects;
  std::vector<cache::HashedKey> hashed;
};
Keys to_keys(const cache::Cache& cache, nb::handle keys);
// Throws UnsupportedValue TYPE_UNSUPPORTED for one str, which is an iterable of str too.
void check_keys(nb::handle keys);

// Calls call(key, value) for each item of a mapping, in order.
template <class Call>
void for_each_item(nb::handle mapping, Call&& call) {
  if (PyDict_CheckExact(mapping.ptr())) {
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(mapping.ptr(), &at, &key, &value) != 0;) {
      // Kept alive, since encoding a value may run Python code that changes the dict.
      const nb::object kept_key = nb::borrow(key), kept_value = nb::borrow(value);
      call(kept_key, kept_value);
    }
    return;
  }
  for (const nb::handle pair : nb::iter(mapping.attr("items")())) call(pair[0], pair[1]);
}

// A time to live in seconds as ns above 0, kNever for infinity. Throws InvalidArgument TTL_INVALID, UnsupportedValue
// TYPE_UNSUPPORTED.
std::int64_t to_ttl_ns(nb::handle seconds);
// The deadline of a time to live from now; kNever if it doesn't fit 64 bits.
std::int64_t deadline(std::int64_t now_ns, std::int64_t ttl_ns);

// Throws InvalidArgument SETTING_INVALID for 0 bytes; no bytes: no limit.
cache::Settings to_bounds(std::uint64_t max_size, std::optional<std::uint64_t> max_bytes);

inline std::string_view view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }
inline nb::bytes to_bytes(std::string_view data) { return nb::bytes(data.data(), data.size()); }

void bind_cache_base(nb::module_ m);
void bind_generic_cache(nb::module_ m);
void bind_cache_engine(nb::module_ m);
void bind_cache_file(nb::class_<CacheEngine, CacheBase>& type);
void bind_cache_codecs(nb::module_ m);
void bind_near_copies(nb::module_ m);

}  // namespace alphaforge::bindings
