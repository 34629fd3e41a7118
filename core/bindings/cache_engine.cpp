#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "base/error.hpp"
#include "cache.hpp"
#include "numbers.hpp"
#include "wire/cache.hpp"
#include "wire/value.hpp"
#include "wire/value_sum.hpp"

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
                    "A request of the cache service, decoded and checked natively; as the generated class of that "
                    "name, as far as it goes.")
      .def_static(
          "FromString",
          [decode](nb::bytes bytes) {
            const std::string_view whole = view(bytes);
            Message message = without_gil(whole.size() < kShortBytes, [&] { return decode(whole); });
            return Bound{std::move(bytes), std::move(message)};
          },
          "data"_a,
          "Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for bytes that are no such "
          "request.")
      .def_prop_ro(
          "cache", [](const Bound& self) { return to_str(self.message.head.cache); },
          "The cache's name; empty is \"default\".")
      .def_prop_ro(
          "epoch", [](const Bound& self) { return self.message.head.epoch.value_or(0); },
          "The epoch the caller knows, 0 if absent.")
      .def(
          "HasField",
          [](const Bound& self, std::string_view field) {
            return field == "epoch" && self.message.head.epoch.has_value();
          },
          "field_name"_a, "Whether the epoch is given.");
}

std::int64_t to_ttl(std::optional<std::int64_t> ttl_ns) {
  if (!ttl_ns) return cache::kNever;
  if (*ttl_ns <= 0)
    throw InvalidArgument(Reason::TTL_INVALID, "ttl_ns is " + std::to_string(*ttl_ns) + "; it must be above 0");
  return *ttl_ns;
}

std::optional<std::int64_t> ttl_left(std::int64_t expires_at_ns, std::int64_t now_ns) {
  if (expires_at_ns == cache::kNever) return std::nullopt;
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
      locked(self.cache, [&](cache::Table& table) { return table.put(key, request.message.value, expires, now); })));
}

nb::bytes get_wire(CacheEngine& self, const Request<wire::CacheGetRequest>& request) {
  const auto key = self.cache.hashed(request.message.key);
  const std::int64_t now = self.now_ns();
  return to_bytes(locked(self.cache, [&](cache::Table& table) {
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
  std::string response;
  {
    const nb::gil_scoped_release release;
    const auto& message = request.message;
    std::vector<cache::Item> items;
    items.reserve(message.keys.size());
    for (std::size_t i = 0; i < message.keys.size(); ++i)
      items.push_back({self.cache.hashed(message.keys[i]), message.values[i]});
    response = wire::encode_cache_put_many_response(self.cache.put_many(items, deadline(now, message.ttl_ns), now));
  }
  return to_bytes(response);
}

nb::bytes get_many_wire(CacheEngine& self, const Request<wire::CacheGetManyRequest>& request) {
  const std::int64_t now = self.now_ns();
  std::string response;
  {
    const nb::gil_scoped_release release;
    const auto& message = request.message;
    std::vector<cache::HashedKey> keys;
    keys.reserve(message.keys.size());
    for (const std::string_view key : message.keys) keys.push_back(self.cache.hashed(key));
    // Taken before the values are read: what changes meanwhile comes after it in the stream of changes.
    const std::uint64_t sequence = self.cache.with([](cache::Table& table) { return table.changes().last_sequence(); });
    wire::CacheGetManyResponse found(message.with_details);
    self.cache.get_many(keys, now, [&](std::size_t index, const cache::Found& entry) {
      found.add(static_cast<std::uint32_t>(index), entry.value, details_of(entry, now));
    });
    response = std::move(found).finish(keys.size(), sequence);
  }
  return to_bytes(response);
}

using Store = std::uint64_t (cache::Table::*)(const cache::HashedKey&, std::string_view, std::int64_t, std::int64_t);

template <Store store>
std::uint64_t put(CacheEngine& self, nb::handle key, const nb::bytes& value, std::optional<std::int64_t> ttl_ns) {
  wire::check_value(view(value));
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
  return locked(self.cache, [&](cache::Table& table) { return (table.*store)(hashed, view(value), expires, now); });
}

nb::object use(CacheEngine& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto value = locked(self.cache, [&](cache::Table& table) {
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
  const auto entry = locked(self.cache, [&](cache::Table& table) -> std::optional<Entry> {
    const auto found = table.get(hashed, now);
    if (!found) return std::nullopt;
    return Entry{std::string(found->value), details_of(*found, now)};
  });
  if (!entry) return nb::none();
  return nb::make_tuple(to_bytes(entry->value), entry->details.version, entry->details.ttl_ns);
}

// What is there after a conditional store, and whether that was done.
nb::tuple swap(CacheEngine& self, nb::handle key, std::uint64_t version, const nb::bytes& value,
               std::optional<std::int64_t> ttl_ns) {
  wire::check_value(view(value));
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
  const auto [is_stored, version_now] = locked(self.cache, [&](cache::Table& table) {
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
      locked(self.cache, [&](cache::Table& table) { return table.increment(hashed, view(amount), expires, now); });
  return nb::make_tuple(to_bytes(sum.value), sum.version);
}

nb::tuple ttl(CacheEngine& self, nb::handle key) {
  const auto hashed = to_key(self.cache, key);
  const std::int64_t now = self.now_ns();
  const auto expires = locked(self.cache, [&](cache::Table& table) {
    const auto found = table.peek(hashed, now);
    return found ? std::optional(found->expires_at_ns) : std::nullopt;
  });
  return nb::make_tuple(expires.has_value(), expires ? ttl_left(*expires, now) : std::nullopt);
}

void report_near_hits(CacheEngine& self, nb::handle keys, std::uint64_t hits) {
  const Keys batch = to_keys(self.cache, keys);
  wire::check_cache_batch(batch.hashed.size());
  const std::int64_t now = self.now_ns();
  const nb::gil_scoped_release release;
  self.cache.refresh_many(batch.hashed, hits, now);
}

nb::tuple read_changes(CacheEngine& self, std::uint64_t from_sequence, std::size_t limit) {
  const cache::Changes read = [&] {
    const nb::gil_scoped_release release;
    return self.cache.with([&](cache::Table& table) { return table.changes().read(from_sequence, limit); });
  }();
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
           "Stores an encoded Value for `ttl_ns` nanoseconds (None: for ever) and returns the entry's version.")
      .def("store", &put<&cache::Table::store>, "key"_a, "value"_a, "ttl_ns"_a.none(),
           "As put, and not counted: for get_or_compute.")
      .def("use", &use, "key"_a, nb::sig("def use(self, key: str) -> bytes | None"),
           "The encoded Value; None on a miss. As get, and not counted: for get_or_compute.")
      .def("get", &get, "key"_a, nb::sig("def get(self, key: str) -> tuple[bytes, int, int | None] | None"),
           "The encoded Value, its version and the nanoseconds it has left (None: it never expires); None on a miss.")
      .def("swap", &swap, "key"_a, "expected_version"_a, "value"_a, "ttl_ns"_a.none(),
           nb::sig(
               "def swap(self, key: str, expected_version: int, value: bytes, ttl_ns: int | None) -> tuple[bool, int]"),
           "Stores where the entry has that version, or with 0 where there is none: whether it did, and the version "
           "that is there now (0: none).")
      .def("increment", &increment, "key"_a, "amount"_a, "ttl_ns"_a.none(),
           nb::sig("def increment(self, key: str, amount: bytes, ttl_ns: int | None) -> tuple[bytes, int]"),
           "Adds an encoded number and returns the encoded sum and its version; `ttl_ns` is that of a new entry.\n\n"
           "Raises TypeError or RuntimeError (VALUE_NOT_NUMERIC) where the amount or the entry is no number.")
      .def(
          "touch",
          [](CacheEngine& self, nb::handle key, std::optional<std::int64_t> ttl_ns) {
            const auto hashed = to_key(self.cache, key);
            const std::int64_t now = self.now_ns();
            const std::int64_t expires = deadline(now, to_ttl(ttl_ns));
            return locked(self.cache, [&](cache::Table& table) { return table.touch(hashed, expires, now); });
          },
          "key"_a, "ttl_ns"_a.none(), nb::sig("def touch(self, key: str, ttl_ns: int | None) -> bool"),
          "Gives an entry a new time to live and makes it the most recently used; False when there is none.")
      .def("ttl_ns", &ttl, "key"_a, nb::sig("def ttl_ns(self, key: str) -> tuple[bool, int | None]"),
           "Whether there is an entry, and the nanoseconds it has left (None: it never expires).");
}

}  // namespace

void bind_cache_engine(nb::module_ m) {
  bind_request<wire::CachePutRequest>(m, "PutRequest", &wire::decode_cache_put);
  bind_request<wire::CacheGetRequest>(m, "GetRequest", &wire::decode_cache_get);
  bind_request<wire::CachePutManyRequest>(m, "PutManyRequest", &wire::decode_cache_put_many);
  bind_request<wire::CacheGetManyRequest>(m, "GetManyRequest", &wire::decode_cache_get_many);
  nb::class_<CacheEngine, CacheBase> type(
      m, "CacheEngine",
      "The cache of the service: values are the bytes of an alphaforge.cache.v1.Value, checked and stored as they "
      "are.\n\n"
      "The `_wire` calls take a decoded request and return the bytes of the response; batches run without the GIL.");
  type.def(
          "__init__",
          [](CacheEngine* self, std::uint64_t max_size, std::optional<std::uint64_t> max_bytes, nb::object clock) {
            new (self) CacheEngine(to_bounds(max_size, max_bytes), std::move(clock));
          },
          "max_size"_a = 10'000, "max_bytes"_a = nb::none(), "clock"_a = nb::none(),
          nb::sig("def __init__(self, max_size: int = 10000, max_bytes: int | None = None, "
                  "clock: collections.abc.Callable[[], int] | None = None) -> None"),
          "As GenericCache; entries get their time to live with each call.")
      .def("put_wire", &put_wire, "request"_a, "The bytes of a PutResponse.")
      .def("get_wire", &get_wire, "request"_a, "The bytes of a GetResponse.")
      .def("put_many_wire", &put_many_wire, "request"_a, "The bytes of a PutManyResponse.")
      .def("get_many_wire", &get_many_wire, "request"_a, "The bytes of a GetManyResponse.")
      .def_prop_ro(
          "memory_bytes", [](CacheEngine& self) { return self.cache.memory_bytes(); },
          "As estimated_memory_bytes of the statistics, at once: what has expired is not freed first.")
      .def(
          "shrink",
          [](CacheEngine& self, std::uint64_t memory_bytes) {
            const nb::gil_scoped_release release;
            self.cache.shrink(memory_bytes);
          },
          "memory_bytes"_a, "Evicts entries used longest ago until the cache takes no more than that, or is empty.")
      .def("report_near_hits", &report_near_hits, "keys"_a, "hits"_a,
           nb::sig("def report_near_hits(self, keys: collections.abc.Iterable[str], hits: int) -> None"),
           "Makes keys that a near cache served the most recently used, the last one most, and counts `hits`.")
      .def(
          "keep_changes",
          [](CacheEngine& self, std::size_t changes_max, std::size_t bytes_max) {
            self.cache.with([&](cache::Table& table) { table.changes().keep(changes_max, bytes_max); });
          },
          "changes_max"_a = 65'536, "bytes_max"_a = 16 * 1024 * 1024,
          "From now on the latest changes are kept for read_changes, within these bounds; 0 changes: no longer.")
      .def("read_changes", &read_changes, "from_sequence"_a, "limit"_a,
           nb::sig("def read_changes(self, from_sequence: int, limit: int) -> tuple[list[str], list[int], list[int], "
                   "int, bool]"),
           "The kept changes from that sequence: keys, sequences, causes (numbers of InvalidationCause), the sequence "
           "to go on from, and whether "
           "changes before the first one are lost.")
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
