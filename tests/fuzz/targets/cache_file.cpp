// The file of a cache, of blocks with right checksums: refused as damaged, or a cache that works.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "cache/block.hpp"
#include "cache/cache.hpp"
#include "cache/replay.hpp"
#include "cache/table.hpp"
#include "fuzz.hpp"

using namespace alphaforge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message = fuzz::view(data, size);
  std::string file;
  // Two blocks, whose times and orders may contradict each other.
  for (const std::string_view part : {message.substr(0, size / 2), message.substr(size / 2), message}) {
    const cache::BlockHead head = cache::head_of(part);
    file.append(reinterpret_cast<const char*>(&head), sizeof(head)).append(part);
  }
  std::size_t at = 0;
  const auto source = [&](char* buffer, std::size_t wanted) {
    const std::size_t taken = std::min(wanted, file.size() - at);
    std::copy_n(file.data() + at, taken, buffer);
    at += taken;
    return taken;
  };
  cache::Cache cache({1000, 0}, {1, 2});
  constexpr std::int64_t kNow = 1'000'000'000;
  cache::replay(cache, kNow, 1'800'000'000'000'000'000, 60'000'000'000, source);
  cache.with([](cache::Table& table) { table.validate(); });
  for (const std::string& key : cache.keys("", 1000, "", kNow).keys) {
    const auto hashed = cache.hashed(key);
    cache.with([&](cache::Table& table) {
      table.touch(hashed, kNever, kNow);
      fuzz::accepts([&] { table.increment(hashed, std::string_view("\x1a\x00", 2), kNever, kNow); });
      table.put(hashed, std::string_view("\x0a\x00", 2), kNow + 1, kNow);
    });
  }
  cache.release_expired(kNow + 2);
  cache.with([](cache::Table& table) { table.validate(); });
  return 0;
}
