// Drives the core's cache and its codecs without Python, so that sanitizers see all of it.
//
//   history SEED OPERATIONS   a cache against a plain list, large enough for its index and slots to grow and shrink,
//   and
//                             against what its file says
//   bytes SEED INPUTS         damaged values and requests through every reader
//   threads SEED OPERATIONS   many threads on one cache
//
// Prints "agreed" at the end; the first difference ends the program with its message and a failure.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "cache/block.hpp"
#include "cache/cache.hpp"
#include "cache/journal.hpp"
#include "cache/replay.hpp"
#include "cache/rewrite.hpp"
#include "cache/slots.hpp"
#include "cache/table.hpp"
#include "encoding/value.hpp"
#include "encoding/value_sum.hpp"
#include "wire/cache.hpp"

namespace {

using namespace alphaforge;
using cache::HashedKey;
using cache::Table;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "differs: %s\n", what);
  std::exit(1);
}

struct ModelEntry {
  std::string key, value;
  std::int64_t expires_at_ns;
};

// The newest entry first; expired ones are dropped before every call.
class Model {
 public:
  explicit Model(std::size_t entries_max) : entries_max_(entries_max) {}

  void advance(std::int64_t now_ns) {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto next = std::next(entry);
      if (entry->expires_at_ns <= now_ns) erase(entry->key);
      entry = next;
    }
  }
  const std::string* get(const std::string& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->value;
  }
  void put(const std::string& key, std::string value, std::int64_t expires_at_ns) {
    erase(key);
    if (entries_.size() == entries_max_) erase(std::string(entries_.back().key));
    entries_.push_front({key, std::move(value), expires_at_ns});
    places_[key] = entries_.begin();
  }
  bool erase(const std::string& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return false;
    entries_.erase(found->second);
    places_.erase(found);
    return true;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  std::size_t entries_max_;
  std::list<ModelEntry> entries_;
  std::unordered_map<std::string, std::list<ModelEntry>::iterator> places_;
};

std::string random_bytes(std::mt19937_64& random, std::size_t size_max) {
  std::string bytes(random() % (size_max + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// A well-formed value; reading a cache's file refuses any other.
std::string bytes_value(std::string_view bytes) {
  std::string value;
  wire::Writer(value).bytes(6, bytes);
  return value;
}

// A cache's file in its own folder, which is removed with it.
class KeptFile {
 public:
  // The time of day; where it is the cache's time, times to live are exact after a restart.
  static inline std::atomic<std::int64_t> wall_ns = 0;

  explicit KeptFile(cache::Cache& cache) : cache_(cache) {
    char folder[] = "/tmp/alphaforge-cache-XXXXXX";
    folder_ = ::mkdtemp(folder);
    cache.with([&](Table& table) { table.keep(std::make_unique<cache::Journal>(opened("file"), 0, &wall_clock)); });
  }
  ~KeptFile() {
    cache_.with([](Table& table) { table.keep(nullptr); });
    std::filesystem::remove_all(folder_);
  }

  void rewrite(std::int64_t now_ns) {
    cache::rewrite(cache_, opened("new"), (folder_ + "/new").c_str(), (folder_ + "/file").c_str(), {}, now_ns,
                   &wall_clock);
  }

  void expect_same(cache::Cache& again, std::int64_t now_ns, bool with_times) {
    const int file = ::open((folder_ + "/file").c_str(), O_RDONLY | O_CLOEXEC);
    const cache::Replayed replayed = cache::replay(again, now_ns, wall_ns, 0, [&](char* buffer, std::size_t size) {
      std::size_t filled = 0;
      for (ssize_t got = 1; got > 0 && filled < size; filled += static_cast<std::size_t>(got))
        got = ::read(file, buffer + filled, size - filled);
      return filled;
    });
    ::close(file);
    expect(replayed.damage.empty(), replayed.damage.c_str());
    again.with([](const Table& table) { table.validate(); });
    cache_.release_expired(now_ns);
    const auto keys = cache_.keys("", 1'000'000, "", now_ns).keys;
    expect(again.counters(now_ns).entries == keys.size(), "the size after a restart");
    for (const std::string& key : keys) {
      const auto entry_of = [&](cache::Cache& cache) {
        const HashedKey hashed = cache.hashed(key);
        return cache.with([&](Table& table) {
          const auto found = table.peek(hashed, now_ns);
          expect(found.has_value(), "a key after a restart");
          return std::tuple(std::string(found->value), found->version, with_times ? found->expires_at_ns : 0);
        });
      };
      expect(entry_of(cache_) == entry_of(again), "an entry after a restart");
    }
  }

 private:
  static std::int64_t wall_clock() { return wall_ns; }
  int opened(const char* name) const {
    return ::open((folder_ + "/" + name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }

  cache::Cache& cache_;
  std::string folder_;
};

void run_history(std::uint64_t seed, std::uint64_t operations) {
  std::mt19937_64 random(seed);
  const std::size_t entries_max = 1 + random() % 5000;
  const std::uint64_t key_count = 1 + random() % 10'000;
  cache::Cache cache({entries_max, 0}, {seed, ~seed});
  cache.with([](Table& table) { table.changes().keep(100, 4000); });
  KeptFile file(cache);
  Model model(entries_max);
  std::int64_t now_ns = 0;
  for (std::uint64_t i = 0; i < operations; ++i) {
    const std::string text = "key" + std::to_string(random() % key_count);
    const HashedKey key = cache.hashed(text);
    const auto choice = random() % 100;
    if (random() % 50 == 0) {
      now_ns += static_cast<std::int64_t>(random() % 1000);
      KeptFile::wall_ns = now_ns;
      model.advance(now_ns);
    }
    if (choice < 50) {
      const std::string value = bytes_value(random_bytes(random, choice == 0 ? 5000 : 100));
      const std::int64_t expires = random() % 3 == 0 ? kNever : now_ns + 1 + static_cast<std::int64_t>(random() % 5000);
      cache.with([&](Table& table) { table.put(key, value, expires, now_ns); });
      model.put(text, value, expires);
    } else if (choice < 80) {
      const std::string* expected = model.get(text);
      cache.with([&](Table& table) {
        const auto found = table.get(key, now_ns);
        expect(found.has_value() == (expected != nullptr), "a get");
        if (found) expect(found->value == *expected, "a value");
      });
    } else if (choice < 99) {
      expect(cache.with([&](Table& table) { return table.erase(key, now_ns); }) == model.erase(text), "a delete");
    } else if (random() % 200 == 0) {
      cache.clear(now_ns);
      model = Model(entries_max);
    }
    if (i % 7000 == 6000) file.rewrite(now_ns);
    if (i % 5000 == 0) {
      cache.with([](const Table& table) { table.validate(); });
      expect(cache.counters(now_ns).entries == model.size(), "the size");
    }
  }
  cache::Cache again({1'000'000, 0}, {~seed, seed});
  file.expect_same(again, now_ns, true);
}

// A value of any kind, nested up to `depth`, mostly well-formed.
std::string random_value(std::mt19937_64& random, int depth) {
  std::string out;
  wire::Writer writer(out);
  const auto kind = static_cast<std::uint32_t>(1 + random() % 19);
  const std::string inner = depth > 0 ? random_value(random, depth - 1) : "\x18\x02";
  switch (static_cast<wire::ValueKind>(kind)) {
    case wire::ValueKind::kBool:
    case wire::ValueKind::kInt:
    case wire::ValueKind::kDate:
      writer.uint(kind, random() >> random() % 64);
      break;
    case wire::ValueKind::kDouble:
      writer.fixed(kind, static_cast<double>(random()));
      break;
    case wire::ValueKind::kList:
    case wire::ValueKind::kTuple:
    case wire::ValueKind::kSet: {
      const std::size_t start = writer.begin(kind);
      for (auto items = random() % 3; items > 0; --items) writer.bytes(1, inner);
      writer.end(start);
      break;
    }
    case wire::ValueKind::kMap: {
      const std::size_t start = writer.begin(kind);
      const std::size_t entry = writer.begin(1);
      writer.bytes(1, "\x18\x02");
      writer.bytes(2, inner);
      writer.end(entry);
      writer.end(start);
      break;
    }
    case wire::ValueKind::kDecimal:
      writer.bytes(kind, std::to_string(random() >> random() % 64) + "." + std::to_string(random() % 100) + "E-" +
                             std::to_string(random() % 40));
      break;
    case wire::ValueKind::kNumpyArray: {
      const std::size_t start = writer.begin(kind);
      writer.bytes(1, random() % 2 == 0 ? "<i2" : "|S1");
      writer.uint(2, random() % 4);
      writer.bytes(3, random_bytes(random, 6));
      writer.end(start);
      break;
    }
    default:
      writer.bytes(kind, random_bytes(random, 12));
  }
  return out;
}

template <class Read>
bool is_taken(Read&& read) {
  try {
    read();
    return true;
  } catch (const InvalidArgument&) {
    return false;
  } catch (const UnsupportedValue&) {
    return false;
  } catch (const EngineError&) {
    return false;
  }
}

// A block of a file with a valid checksum and invalid records.
void read_blocks(std::mt19937_64& random, const std::string& value) {
  cache::Entry entry;
  const std::string data = "key" + value;
  entry.data = const_cast<char*>(data.data());
  entry.key_size = 3;
  entry.value_size = static_cast<std::uint32_t>(value.size());
  cache::Block block;
  block.wall_time(0);
  block.stored(entry, 0);
  block.touched(entry, 0);
  block.removed("key");
  block.note(value);
  block.counters({});
  block.sequence(5);
  std::string message(block.sealed().substr(sizeof(cache::BlockHead)));
  for (auto damages = random() % 4; damages > 0; --damages)
    message[random() % message.size()] = static_cast<char>(random());
  if (random() % 4 == 0) message.resize(random() % (message.size() + 1));
  is_taken([&] { cache::for_each_record(message, [](const cache::Record&) {}); });
  std::size_t at = 0;
  const cache::ByteSource source = [&](char* buffer, std::size_t size) {
    const std::size_t count = message.copy(buffer, size, at);
    at += count;
    return count;
  };
  is_taken([&] { cache::BlockReader(source).next(); });
}

void run_bytes(std::uint64_t seed, std::uint64_t inputs) {
  std::mt19937_64 random(seed);
  std::uint64_t taken = 0;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    std::string value = random_value(random, static_cast<int>(random() % 5));
    for (auto damages = random() % 3; damages > 0 && !value.empty(); --damages)
      value[random() % value.size()] = static_cast<char>(random());
    if (random() % 4 == 0) value.resize(random() % (value.size() + 1));
    if (is_taken([&] { wire::check_value(value); })) ++taken;
    const std::string amount = random_value(random, 0);
    is_taken([&] {
      wire::check_amount(amount);
      wire::check_value(wire::add_values(value, amount));
    });
    std::string request;
    wire::Writer writer(request);
    writer.bytes(wire::kCacheKeyField, random_bytes(random, 10));
    writer.bytes(wire::kCacheValueField, value);
    if (random() % 2 == 0) request[random() % request.size()] = static_cast<char>(random());
    read_blocks(random, value);
    is_taken([&] { wire::decode_cache_put(request); });
    is_taken([&] { wire::decode_cache_get(request); });
    is_taken([&] { wire::decode_cache_put_many(request); });
    is_taken([&] { wire::decode_cache_get_many(request); });
    is_taken([&] { wire::decode_cache_get_response(request); });
    is_taken([&] { wire::decode_cache_get_many_response(request, random() % 3); });
  }
  expect(taken > inputs / 20 && taken < inputs, "how many values are well-formed");
}

void run_threads(std::uint64_t seed, std::uint64_t operations) {
  cache::Cache cache({1000, 0}, {seed, ~seed});
  KeptFile file(cache);
  std::atomic<bool> is_over = false;
  std::thread rewriting([&] {
    while (!is_over) file.rewrite(0);
  });
  const auto work = [&](std::uint64_t number) {
    std::mt19937_64 random(seed + number);
    for (std::uint64_t i = 0; i < operations; ++i) {
      const auto now_ns = static_cast<std::int64_t>(i);
      const std::string text = "key" + std::to_string(random() % 2000);
      const HashedKey key = cache.hashed(text);
      const std::string value = bytes_value(text);
      const auto put = [&](Table& table) { table.put(key, value, random() % 2 == 0 ? now_ns + 500 : kNever, now_ns); };
      switch (random() % 64) {
        case 0:
          cache.counters(now_ns);
          break;
        case 1:
          cache.clear(now_ns);
          break;
        case 2: {
          std::vector<HashedKey> keys(3000, key);
          cache.get_many(keys, now_ns,
                         [&](std::size_t, const cache::Found& found) { expect(found.value == value, "a value"); });
          break;
        }
        case 3:
          cache.keys("key1", 50, "", now_ns);
          break;
        case 4:
          cache.with([](const Table& table) { table.validate(); });
          break;
        default:
          if (!cache.try_with(put)) cache.with(put);
      }
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t number = 0; number < 4; ++number) threads.emplace_back(work, number);
  for (std::thread& thread : threads) thread.join();
  is_over = true;
  rewriting.join();
  // Every entry with a time to live has expired, in the cache and in its file.
  KeptFile::wall_ns = 1'000'000;
  cache.release_expired(1'000'000);
  cache.with([](const Table& table) { table.validate(); });
  cache::Cache again({1'000'000, 0}, {~seed, seed});
  file.expect_same(again, 1'000'000, false);
}

}  // namespace

int main(int, char** arguments) {
  const std::string what = arguments[1];
  const std::uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
  const std::uint64_t count = std::strtoull(arguments[3], nullptr, 10);
  if (what == "history") run_history(seed, count);
  if (what == "bytes") run_bytes(seed, count);
  if (what == "threads") run_threads(seed, count);
  std::puts("agreed");
}
