#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "bindings/cache/cache.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "cache/cache.hpp"
#include "cache/change_log.hpp"
#include "cache/table.hpp"
#include "encoding/value.hpp"
#include "encoding/value_sum.hpp"
#include "wire/cache.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// A request of the service, decoded; its views are of `bytes`.
template <class Message>
struct Request {
  nb::bytes bytes;
  Message message;
};

template <class Message>
void bind_request(nb::module_ m, const char* name, Message (*decode)(std::string_view)) {
  using Bound = Request<Message>;
  nb::class_<Bound>(m, name,
                    "A request of the cache service, decoded and checked natively; a subset of the "
                    "generated class of that name.")
      .def_static(
          "FromString",
          [decode](nb::bytes bytes) {
            const std::string_view whole = view(bytes);
            Message message = without_gil_if(whole.size() >= kShortBytes, [&] { return decode(whole); });
            return Bound{std::move(bytes), std::move(message)};
          },
          "data"_a,
          "Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for "
          "invalid bytes.")
      .def_prop_ro(
          "cache", [](const Bound& self) { return to_str(self.message.head.name); },
          "The cache's name; empty is \"default\".")
      .def_prop_ro(
          "epoch", [](const Bound& self) { return self.message.head.epoch.value_or(0); },
          "The caller's epoch; 0 if absent.")
      .def(
          "HasField",
          [](const Bound& self, std::string_view field) {
            return field == "epoch" && self.message.head.epoch.has_value();
          },
          "field_name"_a, "Whether the epoch is given.");
}

std::int64_t to_ttl(std::optional<std::int64_t> ttl_ns) {
  if (!ttl_ns) return kNever;
  if (*ttl_ns <= 0)
    throw InvalidArgument(Reason::TTL_INVALID, "ttl_ns is " + std::to_string(*ttl_ns) + "; it must be above 0");
  return *ttl_ns;
}

std::optional<std::int64_t> ttl_left(std::int64_t expires_at_ns, std::int64_t now_ns) {
  if (expires_at_ns == kNever) return std::nullopt;
  // The table's time may be later than the caller's.
  return std::max<std::int64_t>(1, expires_at_ns - now_ns);
}

wire::CacheDetails details_of(const cache::Found& found, std::int64_t now_ns) {
  return {found.version, ttl_left(found.expires_at_ns, now_ns)};
}

nb::bytes put_wire(CacheEngine& self, const Request<wire::CachePutRequest>& request) {
  const auto key = self.cache.hashed(request.message.key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = deadline(now, request.message.ttl_ns);
  return to_bytes(wire::encode_cache_put_response(
      with_gil(self.cache, [&](cache::Table& table) { return table.put(key, request.message.value, expires, now); })));
}

nb::bytes get_wire(CacheEngine& self, const Request<wire::CacheGetRequest>& request) {
  const auto key = self.cache.hashed(request.message.key);
  const std::int64_t now = self.now_ns();
  return to_bytes(with_gil(self.cache, [&](cache::Table& table) {
    wire::CacheGetResponse response;
    const auto found = table.get(key, now);
    if (found) response.value = found->value;
    if (found && request.message.with_details) response.details = details_of(*found, now);
    if (request.message.with_details) response.sequence = table.changes().last_sequence();
    return wire::encode_cache_get_response(response);
  }));
}

nb::bytes put_many_wire(CacheEngine& self, const Request<wire::CachePutManyRequest>& request) {
  const std::int64_t now = self.now_ns();
  return to_bytes(without_gil([&] {
    const auto& message = request.message;
    std::vector<cache::Item> items;
    items.reserve(message.keys.size());
    for (std::size_t i = 0; i < message.keys.size(); ++i)
      items.push_back({self.cache.hashed(message.keys[i]), message.values[i]});
    return wire::encode_cache_put_many_response(self.cache.put_many(items, deadline(now, message.ttl_ns), now));
  }));
}

nb::bytes get_many_wire(CacheEngine& self, const Request<wire::CacheGetManyRequest>& request) {
  const std::int64_t now = self.now_ns();
  return to_bytes(without_gil([&] {
    const auto& message = request.message;
    std::vector<cache::HashedKey> keys;
    keys.reserve(message.keys.size());
    for (const std::string_view key : message.keys) keys.push_back(self.cache.hashed(key));
    // Read before the values, so that changes made meanwhile come after it in the stream.
    const std::uint64_t sequence = self.cache.with([](cache::Table& table) { return table.changes().last_sequence(); });
    wire::CacheGetManyResponse found(message.with_details);
    self.cache.get_many(keys, now, [&](std::size_t index, const cache::Found& entry) {
      found.add(static_cast<std::uint32_t>(index), entry.value, details_of(entry, now));
    });
    return std::move(found).finish(keys.size(), sequence);
  }));
}

using Store = std::uint64_t (cache::Table::*)(const cache::HashedKey&, std::string_view, std::int64_t, std::int64_t);

template <Store store>
std::uint64_t put(CacheEngine& self, nb::handle key, const nb::bytes& value, std::optional<std::int64_t> ttl_ns) {
  wire::check_value(view(value));
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
  return with_gil(self.cache, [&](cache::Table& table) { return (table.*store)(hashed, view(value), expires, now); });
}

nb::object use(CacheEngine& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto value = with_gil(self.cache, [&](cache::Table& table) {
    const auto found = table.use(hashed, now);
    return found ? std::optional(std::string(found->value)) : std::nullopt;
  });
  return value ? nb::object(to_bytes(*value)) : nb::none();
}

nb::object get(CacheEngine& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  struct Entry {
    std::string value;
    wire::CacheDetails details;
  };
  const auto entry = with_gil(self.cache, [&](cache::Table& table) -> std::optional<Entry> {
    const auto found = table.get(hashed, now);
    if (!found) return std::nullopt;
    return Entry{std::string(found->value), details_of(*found, now)};
  });
  if (!entry) return nb::none();
  return nb::make_tuple(to_bytes(entry->value), entry->details.version, entry->details.ttl_ns);
}

// The result of a conditional store, and the current version.
nb::tuple compare_and_swap(CacheEngine& self, nb::handle key, std::uint64_t version, const nb::bytes& value,
                           std::optional<std::int64_t> ttl_ns) {
  wire::check_value(view(value));
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
  const auto [is_stored, version_now] = with_gil(self.cache, [&](cache::Table& table) {
    const std::uint64_t stored = table.compare_and_swap(hashed, version, view(value), expires, now);
    if (stored != 0) return std::pair(true, stored);
    const auto found = table.peek(hashed, now);
    return std::pair(false, found ? found->version : std::uint64_t{0});
  });
  return nb::make_tuple(is_stored, version_now);
}

nb::tuple increment(CacheEngine& self, nb::handle key, const nb::bytes& amount, std::optional<std::int64_t> ttl_ns) {
  wire::check_value(view(amount));
  wire::check_amount(view(amount));
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
  const cache::Sum sum =
      with_gil(self.cache, [&](cache::Table& table) { return table.increment(hashed, view(amount), expires, now); });
  return nb::make_tuple(to_bytes(sum.value), sum.version);
}

nb::tuple ttl(CacheEngine& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto expires = with_gil(self.cache, [&](cache::Table& table) {
    const auto found = table.peek(hashed, now);
    return found ? std::optional(found->expires_at_ns) : std::nullopt;
  });
  return nb::make_tuple(expires.has_value(), expires ? ttl_left(*expires, now) : std::nullopt);
}

void report_near_hits(CacheEngine& self, nb::handle keys, std::uint64_t hits) {
  const Keys batch = to_keys(self.cache, keys);
  wire::check_cache_batch(batch.hashed.size());
  const std::int64_t now = self.now_ns();
  without_gil([&] { self.cache.refresh_many(batch.hashed, hits, now); });
}

nb::tuple read_changes(CacheEngine& self, std::uint64_t from_sequence, std::size_t limit) {
  const cache::Changes read =
      without_gil(self.cache, [&](cache::Table& table) { return table.changes().read(from_sequence, limit); });
  nb::list keys, sequences, causes;
  for (const cache::Change& change : read.changes) {
    keys.append(to_str(change.key));
    sequences.append(change.sequence);
    causes.append(static_cast<int>(change.kind));
  }
  return nb::make_tuple(keys, sequences, causes, read.next_sequence, read.has_gap);
}

void bind_encoded(nb::class_<CacheEngine, CacheBase>& type) {
  type.def("put", &put<&cache::Table::put>, "key"_a, "value"_a, "ttl_ns"_a.none(),
           "Stores an encoded Value for `ttl_ns` nanoseconds (None: no expiry) and returns the "
           "entry's version.")
      .def("store", &put<&cache::Table::store>, "key"_a, "value"_a, "ttl_ns"_a.none(),
           "Like put, but not counted: for get_or_compute.")
      .def("use", &use, "key"_a, nb::sig("def use(self, key: str) -> bytes | None"),
           "The encoded Value; None on a miss. Like get, but not counted: for get_or_compute.")
      .def("get", &get, "key"_a, nb::sig("def get(self, key: str) -> tuple[bytes, int, int | None] | None"),
           "The encoded Value, its version and its remaining nanoseconds (None: no expiry); None on "
           "a miss.")
      .def("swap", &compare_and_swap, "key"_a, "expected_version"_a, "value"_a, "ttl_ns"_a.none(),
           nb::sig(
               "def swap(self, key: str, expected_version: int, value: bytes, ttl_ns: int | None) -> tuple[bool, int]"),
           "Stores a value if the entry has that version (0: if there is none). Returns whether it "
           "did, and the current version (0: none).")
      .def("increment", &increment, "key"_a, "amount"_a, "ttl_ns"_a.none(),
           nb::sig("def increment(self, key: str, amount: bytes, ttl_ns: int | None) -> tuple[bytes, int]"),
           "Adds an encoded number and returns the encoded sum and its version; `ttl_ns` is that of "
           "a new entry.\n\n"
           "Raises TypeError or RuntimeError (VALUE_NOT_NUMERIC) if the amount or the entry is not a "
           "number.")
      .def(
          "touch",
          [](CacheEngine& self, nb::handle key, std::optional<std::int64_t> ttl_ns) {
            const auto hashed = to_key(self.cache, key);
            const std::int64_t now = self.now_ns();
            const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
            return with_gil(self.cache, [&](cache::Table& table) { return table.touch(hashed, expires, now); });
          },
          "key"_a, "ttl_ns"_a.none(), nb::sig("def touch(self, key: str, ttl_ns: int | None) -> bool"),
          "Sets an entry's time to live and makes it the most recently used; False if there is none.")
      .def("ttl_ns", &ttl, "key"_a, nb::sig("def ttl_ns(self, key: str) -> tuple[bool, int | None]"),
           "Whether there is an entry, and its remaining nanoseconds (None: no expiry).");
}

}  // namespace

void bind_cache_engine(nb::module_ m) {
  bind_request<wire::CachePutRequest>(m, "PutRequest", &wire::decode_cache_put);
  bind_request<wire::CacheGetRequest>(m, "GetRequest", &wire::decode_cache_get);
  bind_request<wire::CachePutManyRequest>(m, "PutManyRequest", &wire::decode_cache_put_many);
  bind_request<wire::CacheGetManyRequest>(m, "GetManyRequest", &wire::decode_cache_get_many);
  nb::class_<CacheEngine, CacheBase> type(
      m, "CacheEngine",
      "The cache of the service: values are the bytes of an alphaforge.cache.v1.Value, checked and "
      "stored unchanged.\n\n"
      "The `_wire` calls take a decoded request and return the bytes of the response; batches run "
      "without the GIL.");
  type.def(
          "__init__",
          [](CacheEngine* self, std::uint64_t max_size, std::optional<std::uint64_t> max_bytes, nb::object clock) {
            new (self) CacheEngine(to_bounds(max_size, max_bytes), std::move(clock));
          },
          "max_size"_a = 10'000, "max_bytes"_a = nb::none(), "clock"_a = nb::none(),
          nb::sig("def __init__(self, max_size: int = 10000, max_bytes: int | None = None, "
                  "clock: collections.abc.Callable[[], int] | None = None) -> None"),
          "Like GenericCache, but each call gives the time to live.")
      .def("put_wire", &put_wire, "request"_a, "The bytes of a PutResponse.")
      .def("get_wire", &get_wire, "request"_a, "The bytes of a GetResponse.")
      .def("put_many_wire", &put_many_wire, "request"_a, "The bytes of a PutManyResponse.")
      .def("get_many_wire", &get_many_wire, "request"_a, "The bytes of a GetManyResponse.")
      .def_prop_ro(
          "memory_bytes",
          [](CacheEngine& self) {
            return with_gil(self.cache, [](const cache::Table& table) { return table.memory_bytes(); });
          },
          "Like estimated_memory_bytes of the statistics, but without freeing expired entries first.")
      .def(
          "shrink",
          [](CacheEngine& self, std::uint64_t memory_bytes) { without_gil([&] { self.cache.shrink(memory_bytes); }); },
          "memory_bytes"_a,
          "Evicts the least recently used entries until the cache takes at most "
          "that much memory, or is empty.")
      .def("report_near_hits", &report_near_hits, "keys"_a, "hits"_a,
           nb::sig("def report_near_hits(self, keys: collections.abc.Iterable[str], hits: int) -> None"),
           "Marks keys served by a near cache as used, in order, and counts `hits`.")
      .def(
          "keep_changes",
          [](CacheEngine& self, std::size_t changes_max, std::size_t bytes_max) {
            without_gil(self.cache, [&](cache::Table& table) { table.changes().keep(changes_max, bytes_max); });
          },
          "changes_max"_a = 65'536, "bytes_max"_a = 16 * 1024 * 1024,
          "Keeps the latest changes for read_changes, within these limits; 0 changes: stops keeping "
          "them.")
      .def("read_changes", &read_changes, "from_sequence"_a, "limit"_a,
           nb::sig("def read_changes(self, from_sequence: int, limit: int) -> tuple[list[str], list[int], list[int], "
                   "int, bool]"),
           "The kept changes from that sequence: keys, sequences, causes (numbers of "
           "InvalidationCause), the sequence to continue from, and whether changes before the first "
           "one are lost.")
      .def_prop_ro(
          "sequence",
          [](CacheEngine& self) {
            return self.cache.with([](cache::Table& table) { return table.changes().last_sequence(); });
          },
          "The sequence of the latest change; 0 before the first.");
  bind_encoded(type);
  bind_cache_file(type);
}

}  // namespace alphaforge::bindings
