#include <nanobind/stl/string.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/cache/cache.hpp"
#include "bindings/cache/value.hpp"
#include "bindings/unchecked.hpp"
#include "encoding/key.hpp"
#include "encoding/writer.hpp"
#include "wire/cache.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

using wire::Writer;

double seconds_of(const wire::CacheDetails& details) {
  return details.ttl_ns ? static_cast<double>(*details.ttl_ns) / 1e9 : HUGE_VAL;
}

void append_key(std::string& out, nb::handle key) {
  const std::string_view text = key_text(key);
  wire::check_key_size(text);
  Writer(out).bytes(wire::kCacheKeyField, text);
}

void append_value(std::string& out, nb::handle value) {
  Writer writer(out);
  const std::size_t start = writer.begin(wire::kCacheValueField);
  encode_value(value, out);
  writer.end(start);
}

nb::bytes encode_put(nb::handle key, nb::handle value, nb::handle ttl) {
  std::string out;
  append_key(out, key);
  append_value(out, value);
  wire::append_cache_ttl(out, to_ttl_ns(ttl));
  return to_bytes(out);
}

nb::bytes encode_get(nb::handle key, bool with_details) {
  std::string out;
  append_key(out, key);
  if (with_details) wire::append_cache_with_details(out);
  return to_bytes(out);
}

nb::object decode_get(const nb::bytes& response) {
  const wire::CacheGetResponse decoded = wire::decode_cache_get_response(view(response));
  return decoded.value ? decode_value(*decoded.value) : nb::none();
}

nb::object decode_get_entry(const nb::bytes& response) {
  const wire::CacheGetResponse decoded = wire::decode_cache_get_response(view(response));
  if (!decoded.value) return nb::none();
  const wire::CacheDetails details = decoded.details.value_or(wire::CacheDetails{});
  return nb::make_tuple(decode_value(*decoded.value), details.version, seconds_of(details), decoded.sequence);
}

// Splits a batch into requests of limited size.
class PutManyEncoder {
 public:
  PutManyEncoder(std::int64_t ttl_ns, std::size_t keys_max, std::size_t bytes_max)
      : ttl_ns_(ttl_ns), keys_max_(keys_max), bytes_max_(bytes_max) {}

  void add(nb::handle key, nb::handle value) {
    const std::size_t before = body_.size();
    append_key(body_, key);
    append_value(body_, value);
    // An item that makes the request too large begins the next one.
    if (keys_ != 0 && body_.size() > bytes_max_) {
      std::string item = body_.substr(before);
      body_.resize(before);
      finish_request();
      body_ = std::move(item);
    }
    if (++keys_ == keys_max_) finish_request();
  }

  nb::list finish() {
    if (keys_ != 0) finish_request();
    return requests_;
  }

 private:
  void finish_request() {
    wire::append_cache_ttl(body_, ttl_ns_);
    requests_.append(to_bytes(body_));
    body_.clear();
    keys_ = 0;
  }

  std::int64_t ttl_ns_;
  std::size_t keys_max_, bytes_max_;
  std::string body_;
  std::size_t keys_ = 0;
  nb::list requests_;
};

nb::list encode_put_many(nb::handle items, nb::handle ttl, std::size_t keys_max, std::size_t bytes_max) {
  PutManyEncoder encoder(to_ttl_ns(ttl), keys_max, bytes_max);
  for_each_item(items, [&](nb::handle key, nb::handle value) { encoder.add(key, value); });
  return encoder.finish();
}

nb::list encode_get_many(nb::handle keys, bool with_details, std::size_t keys_max) {
  nb::list requests, piece;
  std::string body;
  const auto finish_request = [&] {
    if (with_details) wire::append_cache_with_details(body);
    requests.append(nb::make_tuple(to_bytes(body), piece));
    piece = nb::list();
    body.clear();
  };
  check_keys(keys);
  for (const nb::handle key : nb::iter(keys)) {
    append_key(body, key);
    piece.append(key);
    if (piece.size() == keys_max) finish_request();
  }
  if (piece.size() != 0) finish_request();
  return requests;
}

void decode_get_many(const nb::bytes& response, const nb::list& keys, nb::dict into) {
  const wire::CacheGetManyResult decoded = wire::decode_cache_get_many_response(view(response), keys.size());
  for (std::size_t i = 0; i < decoded.values.size(); ++i) {
    const nb::object value = decode_value(decoded.values[i]);
    if (PyDict_SetItem(into.ptr(), list_item(keys, decoded.indexes[i]).ptr(), value.ptr()) != 0)
      throw nb::python_error();
  }
}

nb::list decode_get_each(const nb::bytes& response, std::size_t keys) {
  const wire::CacheGetManyResult decoded = wire::decode_cache_get_many_response(view(response), keys);
  nb::list values;
  for (std::size_t i = 0; i < decoded.values.size(); ++i) {
    while (values.size() < decoded.indexes[i]) values.append(nb::none());
    values.append(decode_value(decoded.values[i]));
  }
  while (values.size() < keys) values.append(nb::none());
  return values;
}

nb::list decode_get_batches(const nb::bytes& response, const nb::list& batches) {
  std::size_t keys = 0;
  for (const nb::handle batch : batches) keys += nb::len(batch);
  const wire::CacheGetManyResult decoded = wire::decode_cache_get_many_response(view(response), keys);
  nb::list found;
  std::size_t i = 0;
  std::size_t first = 0;  // of the batch's keys
  for (const nb::handle each : batches) {
    const auto batch = nb::cast<nb::list>(each);
    nb::dict values;
    for (; i < decoded.values.size() && decoded.indexes[i] < first + batch.size(); ++i)
      values[batch[decoded.indexes[i] - first]] = decode_value(decoded.values[i]);
    found.append(values);
    first += batch.size();
  }
  return found;
}

}  // namespace

void bind_cache_codecs(nb::module_ m) {
  m.def(
      "encode_value",
      [](nb::handle value) {
        std::string out;
        encode_value(value, out);
        return to_bytes(out);
      },
      "value"_a.none(), nb::sig("def encode_value(value: object) -> bytes"),
      "The bytes of an alphaforge.cache.v1.Value.\n\n"
      "Raises TypeError (UnsupportedValue) for a type that can't be stored, ValueError for a value too large or too "
      "deep.");
  m.def(
      "decode_value", [](const nb::bytes& data) { return decode_value(view(data)); }, "data"_a,
      nb::sig("def decode_value(data: bytes) -> typing.Any"),
      "Decodes the bytes of a Value. Raises ValueError (VALUE_MALFORMED, VALUE_TOO_DEEP).");
  m.def("encode_put", &encode_put, "key"_a, "value"_a.none(), "ttl"_a,
        nb::sig("def encode_put(key: str, value: object, ttl: float) -> bytes"),
        "A PutRequest without fields 1 and 2 (cache and epoch), which the caller prepends.");
  m.def("encode_get", &encode_get, "key"_a, "with_details"_a = false,
        nb::sig("def encode_get(key: str, with_details: bool = False) -> bytes"),
        "A GetRequest without fields 1 and 2.");
  m.def("decode_get", &decode_get, "response"_a, nb::sig("def decode_get(response: bytes) -> typing.Any"),
        "The value of a GetResponse; None on a miss.");
  m.def("decode_get_entry", &decode_get_entry, "response"_a,
        nb::sig("def decode_get_entry(response: bytes) -> tuple[typing.Any, int, float, int] | None"),
        "The value of a GetResponse with details, its version, its remaining seconds (math.inf: no "
        "expiry) and the cache's sequence; None on a miss.");
  m.def("encode_put_many", &encode_put_many, "items"_a, "ttl"_a, "keys_max"_a = 8192, "bytes_max"_a = 1024 * 1024,
        nb::sig("def encode_put_many(items: collections.abc.Mapping[str, object], ttl: float, keys_max: int = 8192, "
                "bytes_max: int = 1048576) -> list[bytes]"),
        "PutManyRequests without fields 1 and 2, in order, each within the limits of keys and bytes "
        "(but at least one item).");
  m.def("encode_get_many", &encode_get_many, "keys"_a, "with_details"_a = false, "keys_max"_a = 8192,
        nb::sig("def encode_get_many(keys: collections.abc.Iterable[str], with_details: bool = False, keys_max: int = "
                "8192) -> "
                "list[tuple[bytes, list[str]]]"),
        "GetManyRequests without fields 1 and 2, each with at most `keys_max` keys, and those keys.");
  m.def("decode_get_many", &decode_get_many, "response"_a, "keys"_a, "into"_a,
        nb::sig("def decode_get_many(response: bytes, keys: list[str], into: dict[str, typing.Any]) -> None"),
        "Adds the values of a GetManyResponse to the request's keys to a dict.");
  m.def("decode_get_each", &decode_get_each, "response"_a, "keys"_a,
        nb::sig("def decode_get_each(response: bytes, keys: int) -> list[typing.Any]"),
        "The values of a GetManyResponse, one for each key of the request; None for a missing key.");
  m.def("decode_get_batches", &decode_get_batches, "response"_a, "batches"_a,
        nb::sig("def decode_get_batches(response: bytes, batches: list[list[str]]) -> list[dict[str, typing.Any]]"),
        "The values of a GetManyResponse to a request with the keys of several batches, one after the other, by "
        "batch.");
}

void bind_cache_wire(nb::module_ m) {
  bind_cache_engine(m);
  bind_near_copies(m);
  bind_cache_codecs(m);
}

}  // namespace alphaforge::bindings
