// The hot messages of the cache service, requests and answers.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz.hpp"
#include "wire/cache.hpp"

using namespace alphaforge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::view(data, size);
  fuzz::accepts([&] { wire::decode_cache_put(bytes); });
  fuzz::accepts([&] { wire::decode_cache_get(bytes); });
  fuzz::accepts([&] {
    const auto request = wire::decode_cache_put_many(bytes);
    fuzz::demand(request.keys.size() == request.values.size(), "a value for each key");
  });
  fuzz::accepts([&] { wire::decode_cache_get_many(bytes); });
  fuzz::accepts([&] { wire::decode_cache_get_response(bytes); });
  fuzz::accepts([&] {
    const auto result = wire::decode_cache_get_many_response(bytes, 3);
    fuzz::demand(result.indexes.size() == result.values.size() && result.values.size() <= 3, "a place for each value");
  });
  return 0;
}
