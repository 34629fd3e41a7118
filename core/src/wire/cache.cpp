#include "wire/cache.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "wire/value.hpp"

namespace alphaforge::wire {

namespace {

constexpr std::uint32_t kTtlField = 6;
constexpr std::uint32_t kNeverExpiresField = 7;
constexpr std::uint32_t kWithDetailsField = 5;

// About what a key, or a key and a number, takes of a request; it only saves growing.
constexpr std::size_t kItemBytesGuess = 24;

[[noreturn]] void refuse(const char* what) {
  throw InvalidArgument(Reason::MESSAGE_MALFORMED, std::string("malformed message: ") + what);
}

// Reads a field of the head; false for one that is not of it.
bool read_head(Reader& reader, CacheRequestHead& head) {
  if (reader.field() == 1)
    head.cache = reader.bytes();
  else if (reader.field() == 2)
    head.epoch = reader.fixed<std::uint64_t>();
  else
    return false;
  return true;
}

void check_head(const CacheRequestHead& head) {
  if (!is_utf8(head.cache)) refuse("the cache's name is not valid UTF-8");
}

// Reads a field of the oneof `expiry`, of which the last one given counts; false for one that is not of it.
bool read_expiry(Reader& reader, std::int64_t& ttl_ns) {
  if (reader.field() == kTtlField) {
    ttl_ns = static_cast<std::int64_t>(reader.uint());
    if (ttl_ns <= 0)
      throw InvalidArgument(Reason::TTL_INVALID, "ttl_ns is " + std::to_string(ttl_ns) + "; it must be above 0");
  } else if (reader.field() == kNeverExpiresField) {
    ttl_ns = reader.uint() != 0 ? kCacheTtlNever : kCacheTtlDefaultNs;
  } else {
    return false;
  }
  return true;
}

CacheDetails decode_details(std::string_view message) {
  CacheDetails details;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      details.version = reader.uint();
    else if (reader.field() == 2)
      details.ttl_ns = static_cast<std::int64_t>(reader.uint());
    else
      reader.skip();
  }
  return details;
}

void write_details(Writer& writer, std::uint32_t field, const CacheDetails& details) {
  const std::size_t start = writer.begin(field);
  writer.uint(1, details.version);
  if (details.ttl_ns) writer.uint(2, static_cast<std::uint64_t>(*details.ttl_ns));
  writer.end(start);
}

}  // namespace

void check_cache_key_size(std::string_view key) {
  if (key.empty()) throw InvalidArgument(Reason::KEY_INVALID, "the key is empty; it must have 1 to 1,024 bytes");
  if (key.size() > kCacheKeyBytesMax)
    throw InvalidArgument(Reason::KEY_INVALID, "the key has " + std::to_string(key.size()) + " bytes; at most 1,024");
}

void check_cache_key(std::string_view key) {
  check_cache_key_size(key);
  if (!is_utf8(key)) throw InvalidArgument(Reason::KEY_INVALID, "the key is not valid UTF-8");
}

void check_cache_batch(std::size_t keys) {
  if (keys > kCacheBatchKeysMax)
    throw InvalidArgument(Reason::LIMIT_EXCEEDED, "the request has " + std::to_string(keys) + " keys; at most 100,000");
}

CachePutRequest decode_cache_put(std::string_view message) {
  CachePutRequest request;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      request.key = reader.bytes();
    else if (reader.field() == kCacheValueField)
      request.value = reader.bytes();
    else if (!read_head(reader, request.head) && !read_expiry(reader, request.ttl_ns))
      reader.skip();
  }
  check_head(request.head);
  check_cache_key(request.key);
  check_value(request.value);
  return request;
}

CacheGetRequest decode_cache_get(std::string_view message) {
  CacheGetRequest request;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      request.key = reader.bytes();
    else if (reader.field() == kWithDetailsField)
      request.with_details = reader.uint() != 0;
    else if (!read_head(reader, request.head))
      reader.skip();
  }
  check_head(request.head);
  check_cache_key(request.key);
  return request;
}

CachePutManyRequest decode_cache_put_many(std::string_view message) {
  CachePutManyRequest request;
  request.keys.reserve(message.size() / kItemBytesGuess);
  request.values.reserve(message.size() / kItemBytesGuess);
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      request.keys.push_back(reader.bytes());
    else if (reader.field() == kCacheValueField)
      request.values.push_back(reader.bytes());
    else if (!read_head(reader, request.head) && !read_expiry(reader, request.ttl_ns))
      reader.skip();
  }
  check_head(request.head);
  check_cache_batch(request.keys.size());
  if (request.keys.size() != request.values.size())
    throw InvalidArgument(Reason::COLUMNS_UNEQUAL, "there are " + std::to_string(request.keys.size()) + " keys and " +
                                                       std::to_string(request.values.size()) + " values");
  for (const std::string_view key : request.keys) check_cache_key(key);
  for (const std::string_view value : request.values) check_value(value);
  return request;
}

CacheGetManyRequest decode_cache_get_many(std::string_view message) {
  CacheGetManyRequest request;
  request.keys.reserve(message.size() / kItemBytesGuess);
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      request.keys.push_back(reader.bytes());
    else if (reader.field() == kWithDetailsField)
      request.with_details = reader.uint() != 0;
    else if (!read_head(reader, request.head))
      reader.skip();
  }
  check_head(request.head);
  check_cache_batch(request.keys.size());
  for (const std::string_view key : request.keys) check_cache_key(key);
  return request;
}

std::string encode_cache_put_response(std::uint64_t version) {
  std::string message;
  Writer(message).uint(1, version);
  return message;
}

std::string encode_cache_put_many_response(std::uint64_t last_version) {
  return encode_cache_put_response(last_version);
}

std::string encode_cache_get_response(const CacheGetResponse& response) {
  std::string message;
  Writer writer(message);
  if (response.value) writer.bytes(1, *response.value);
  if (response.details) write_details(writer, 2, *response.details);
  if (response.sequence != 0) writer.uint(3, response.sequence);
  return message;
}

CacheGetResponse decode_cache_get_response(std::string_view message) {
  CacheGetResponse response;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      response.value = reader.bytes();
    else if (reader.field() == 2)
      response.details = decode_details(reader.bytes());
    else if (reader.field() == 3)
      response.sequence = reader.uint();
    else
      reader.skip();
  }
  return response;
}

void CacheGetManyResponse::add(std::uint32_t index, std::string_view value, const CacheDetails& details) {
  writer_.bytes(1, value);
  indexes_.push_back(index);
  if (!with_details_) return;
  Writer writer(details_);
  write_details(writer, 3, details);
}

std::string CacheGetManyResponse::finish(std::size_t keys, std::uint64_t sequence) && {
  if (indexes_.size() != keys) writer_.packed_varint<std::uint32_t>(2, indexes_);
  message_ += details_;
  if (with_details_) writer_.uint(4, sequence);
  return std::move(message_);
}

CacheGetManyResult decode_cache_get_many_response(std::string_view message, std::size_t keys) {
  CacheGetManyResult result;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      result.values.push_back(reader.bytes());
    else if (reader.field() == 2)
      reader.append_varint(result.indexes);
    else if (reader.field() == 3)
      result.details.push_back(decode_details(reader.bytes()));
    else if (reader.field() == 4)
      result.sequence = reader.uint();
    else
      reader.skip();
  }
  if (result.indexes.empty() && result.values.size() == keys) {
    for (std::uint32_t index = 0; index < keys; ++index) result.indexes.push_back(index);
  }
  if (result.indexes.size() != result.values.size()) refuse("values and indexes differ in number");
  for (std::size_t i = 0; i < result.indexes.size(); ++i)
    if (result.indexes[i] >= keys || (i != 0 && result.indexes[i] <= result.indexes[i - 1]))
      refuse("an index is out of order");
  if (!result.details.empty() && result.details.size() != result.values.size())
    refuse("values and details differ in number");
  return result;
}

void append_cache_ttl(std::string& out, std::int64_t ttl_ns) {
  Writer writer(out);
  if (ttl_ns == kCacheTtlNever)
    writer.uint(kNeverExpiresField, 1);
  else
    writer.uint(kTtlField, static_cast<std::uint64_t>(ttl_ns));
}

void append_cache_with_details(std::string& out) { Writer(out).uint(kWithDetailsField, 1); }

}  // namespace alphaforge::wire
