#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encoding/writer.hpp"
#include "wire/head.hpp"

namespace alphaforge::wire {

// The hot messages of alphaforge.cache.v1.CacheService: Put, Get, PutMany, GetMany. All views are of the message that
// was decoded.

inline constexpr std::size_t kCacheBatchKeysMax = 100'000;
// Maximum size of the values in a response. Callers that exceed it ask again for fewer keys.
inline constexpr std::size_t kCacheAnswerBytesMax = 16 * 1024 * 1024;
// An entry of a request without expiry lives for 3,600 s.
inline constexpr std::int64_t kCacheTtlDefaultNs = 3'600'000'000'000;

struct CachePutRequest {
  RequestHead head;
  std::string_view key;
  std::string_view value;
  std::int64_t ttl_ns = kCacheTtlDefaultNs;
};

struct CacheGetRequest {
  RequestHead head;
  std::string_view key;
  bool with_details = false;
};

struct CachePutManyRequest {
  RequestHead head;
  std::vector<std::string_view> keys;
  std::vector<std::string_view> values;
  std::int64_t ttl_ns = kCacheTtlDefaultNs;
};

struct CacheGetManyRequest {
  RequestHead head;
  std::vector<std::string_view> keys;
  bool with_details = false;
};

// Decoded and checked: keys, values through all their levels, times to live, numbers of items.
// Throw InvalidArgument: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED, VALUE_TOO_DEEP, VALUE_TOO_LARGE, TTL_INVALID,
// COLUMNS_UNEQUAL, LIMIT_EXCEEDED.
CachePutRequest decode_cache_put(std::string_view message);
CacheGetRequest decode_cache_get(std::string_view message);
CachePutManyRequest decode_cache_put_many(std::string_view message);
CacheGetManyRequest decode_cache_get_many(std::string_view message);

// Throws InvalidArgument KEY_INVALID unless it is 1 to 1,024 bytes of UTF-8.
void check_cache_key(std::string_view key);
// Throws InvalidArgument LIMIT_EXCEEDED.
void check_cache_batch(std::size_t keys);

// Details of an entry besides its value.
struct CacheDetails {
  std::uint64_t version = 0;
  std::optional<std::int64_t> ttl_ns;  // none: never expires
};

struct CacheGetResponse {
  std::optional<std::string_view> value;
  std::optional<CacheDetails> details;
  std::uint64_t sequence = 0;
};

// The entries of a GetMany that were found, one after the other; then `finish` with the number of keys asked for.
class CacheGetManyResponse {
 public:
  explicit CacheGetManyResponse(bool with_details) : writer_(message_), with_details_(with_details) {}

  // Throws ResourceExhausted LIMIT_EXCEEDED if the response would exceed kCacheAnswerBytesMax.
  void add(std::uint32_t index, std::string_view value, const CacheDetails& details);
  std::string finish(std::size_t keys, std::uint64_t sequence) &&;

 private:
  std::string message_;
  Writer writer_;
  bool with_details_;
  std::vector<std::uint32_t> indexes_;
  std::string details_;
};

struct CacheGetManyResult {
  std::vector<std::string_view> values;
  std::vector<std::uint32_t> indexes;  // per value, ascending, below the number of keys asked for
  std::vector<CacheDetails> details;   // per value, or none
  std::uint64_t sequence = 0;
};

std::string encode_cache_put_response(std::uint64_t version);
std::string encode_cache_put_many_response(std::uint64_t last_version);
std::string encode_cache_get_response(const CacheGetResponse& response);
CacheGetResponse decode_cache_get_response(std::string_view message);
// Throws InvalidArgument MESSAGE_MALFORMED also for indexes that don't match a request with that number of keys.
CacheGetManyResult decode_cache_get_many_response(std::string_view message, std::size_t keys);

// Appends the fields of requests after the head, which the client prepends, to `out`.
inline constexpr std::uint32_t kCacheKeyField = 4;
inline constexpr std::uint32_t kCacheValueField = 5;
void append_cache_ttl(std::string& out, std::int64_t ttl_ns);
void append_cache_with_details(std::string& out);

}  // namespace alphaforge::wire
