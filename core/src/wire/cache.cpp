#include "wire/cache.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "base/utf8.hpp"
#include "encoding/key.hpp"
#include "encoding/reader.hpp"
#include "encoding/value.hpp"
#include "encoding/writer.hpp"
#include "wire/head.hpp"

namespace alphaforge::wire {

namespace {

constexpr std::uint32_t kTtlField = 6;
constexpr std::uint32_t kNeverExpiresField = 7;
constexpr std::uint32_t kWithDetailsField = 5;

// The approximate size of a key, or of a key and a number, in a request; only to reserve space.
constexpr std::size_t kItemBytesGuess = 24;

[[noreturn]] void refuse(const char* what) {
  throw InvalidArgument(Reason::MESSAGE_MALFORMED, std::string("malformed message: ") + what);
}

void add(std::vector<std::string_view>& items, std::string_view item) {
  check_cache_batch(items.size() + 1);
  items.push_back(item);
}

// Reads a field of the oneof `expiry`, of which the last one counts; false for any other field.
bool read_expiry(Reader& reader, std::int64_t& ttl_ns) {
  if (reader.field() == kTtlField) {
    ttl_ns = static_cast<std::int64_t>(reader.uint());
    if (ttl_ns <= 0)
      throw InvalidArgument(Reason::TTL_INVALID, "ttl_ns is " + std::to_string(ttl_ns) + "; it must be above 0");
  } else if (reader.field() == kNeverExpiresField) {
    ttl_ns = reader.uint() != 0 ? kNever : kCacheTtlDefaultNs;
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

void check_cache_key(std::string_view key) {
  check_key_size(key);
  if (!is_utf8(key)) throw InvalidArgument(Reason::KEY_INVALID, "the key is not valid UTF-8");
}

void check_cache_batch(std::size_t keys) {
  if (keys > kCacheBatchKeysMax)
    throw InvalidArgument(Reason::LIMIT_EXCEEDED,
                          "a call takes at most 100,000 keys, not " + std::to_string(keys) + "; send them in parts");
}

CachePutRequest decode_cache_put(std::string_view message) {
  CachePutRequest request;
  bool has_key = false;
  bool has_value = false;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      request.key = reader.once(has_key);
    else if (reader.field() == kCacheValueField)
      request.value = reader.once(has_value);
    else if (!read_head_field(reader, request.head) && !read_expiry(reader, request.ttl_ns))
      reader.skip();
  }
  check_cache_key(request.key);
  check_value(request.value);
  return request;
}

CacheGetRequest decode_cache_get(std::string_view message) {
  CacheGetRequest request;
  bool has_key = false;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      request.key = reader.once(has_key);
    else if (reader.field() == kWithDetailsField)
      request.with_details = reader.uint() != 0;
    else if (!read_head_field(reader, request.head))
      reader.skip();
  }
  check_cache_key(request.key);
  return request;
}

CachePutManyRequest decode_cache_put_many(std::string_view message) {
  CachePutManyRequest request;
  request.keys.reserve(std::min(message.size() / kItemBytesGuess, kCacheBatchKeysMax));
  request.values.reserve(std::min(message.size() / kItemBytesGuess, kCacheBatchKeysMax));
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      add(request.keys, reader.bytes());
    else if (reader.field() == kCacheValueField)
      add(request.values, reader.bytes());
    else if (!read_head_field(reader, request.head) && !read_expiry(reader, request.ttl_ns))
      reader.skip();
  }
  if (request.keys.size() != request.values.size())
    throw InvalidArgument(Reason::COLUMNS_UNEQUAL, "there are " + std::to_string(request.keys.size()) + " keys and " +
                                                       std::to_string(request.values.size()) + " values");
  for (const std::string_view key : request.keys) check_cache_key(key);
  for (const std::string_view value : request.values) check_value(value);
  return request;
}

CacheGetManyRequest decode_cache_get_many(std::string_view message) {
  CacheGetManyRequest request;
  request.keys.reserve(std::min(message.size() / kItemBytesGuess, kCacheBatchKeysMax));
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == kCacheKeyField)
      add(request.keys, reader.bytes());
    else if (reader.field() == kWithDetailsField)
      request.with_details = reader.uint() != 0;
    else if (!read_head_field(reader, request.head))
      reader.skip();
  }
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
  bool has_value = false;
  bool has_details = false;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      response.value = reader.once(has_value);
    else if (reader.field() == 2)
      response.details = decode_details(reader.once(has_details));
    else if (reader.field() == 3)
      response.sequence = reader.uint();
    else
      reader.skip();
  }
  return response;
}

void CacheGetManyResponse::add(std::uint32_t index, std::string_view value, const CacheDetails& details) {
  // The first value always fits: no value is that long.
  if (message_.size() + value.size() > kCacheAnswerBytesMax)
    throw ResourceExhausted(Reason::LIMIT_EXCEEDED, "the response would have more than " +
                                                        std::to_string(kCacheAnswerBytesMax) +
                                                        " bytes; ask for fewer keys per call");
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
      reader.append_varint(result.indexes, kCacheBatchKeysMax);
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
  if (ttl_ns == kNever)
    writer.uint(kNeverExpiresField, 1);
  else
    writer.uint(kTtlField, static_cast<std::uint64_t>(ttl_ns));
}

void append_cache_with_details(std::string& out) { Writer(out).uint(kWithDetailsField, 1); }

}  // namespace alphaforge::wire
