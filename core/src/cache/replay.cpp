#include "cache/replay.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "base/utf8.hpp"
#include "cache/block.hpp"
#include "cache/cache.hpp"
#include "cache/table.hpp"
#include "encoding/value.hpp"

namespace alphaforge::cache {

namespace {

// More changes than a process makes without writing them.
constexpr std::uint64_t kLeap = std::uint64_t{1} << 32;

// No counter gets this high: a larger number is damage, and counting can continue from a smaller one.
constexpr std::uint64_t kSequenceMax = std::uint64_t{1} << 62;

// Replayed changes are made at kNoTime, so that nothing expires during replay: each was made to a live entry.
class Replay {
 public:
  Replay(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, std::int64_t brief_ns)
      : cache_(cache), now_ns_(now_ns), wall_ns_(wall_ns), brief_ns_(brief_ns) {}

  void apply(const Record& record) {
    is_complete_ = record.kind == Record::Kind::kSequence && is_complete_;
    switch (record.kind) {
      case Record::Kind::kWallTime:
        // A clock that was set back must not extend times to live.
        passed_ns_ = std::max<int128>(0, int128{wall_ns_} - static_cast<std::int64_t>(record.number));
        return;
      case Record::Kind::kSequence:
        reached(record.number);
        return;
      case Record::Kind::kCounters:
        counters_ = record.counters;
        is_complete_ = true;
        return;
      case Record::Kind::kBriefNote:
        if (passed_ns_ > brief_ns_) return;
        [[fallthrough]];
      case Record::Kind::kNote:
        notes_.emplace_back(record.bytes);
        return;
      default:
        change(record);
    }
  }

  // Restores counters and sequence; drops expired entries.
  void finish() {
    cache_.with([&](Table& table) {
      table.resume(is_complete_ ? counters_ : Counters{}, last_sequence_ + (is_complete_ ? 0 : kLeap));
    });
    cache_.release_expired(now_ns_);
  }

  // Takes over the sequence.
  void follow() {
    if (last_sequence_ == 0) return;  // a part of the changes made under one lock
    cache_.with([&](Table& table) { table.follow(last_sequence_); });
  }

  bool is_complete() const { return is_complete_; }
  std::uint64_t last_sequence() const { return last_sequence_; }
  std::vector<std::string>& notes() { return notes_; }

 private:
  void reached(std::uint64_t sequence) {
    if (sequence > kSequenceMax) throw InvalidArgument(Reason::MESSAGE_MALFORMED, "a sequence is out of range");
    last_sequence_ = std::max(last_sequence_, sequence);
  }

  void change(const Record& record) {
    if (record.kind == Record::Kind::kCleared) {
      (void)cache_.with([](Table& table) { return table.clear(); });
      return;
    }
    if (!is_utf8(record.bytes)) throw InvalidArgument(Reason::MESSAGE_MALFORMED, "a key is not UTF-8");
    if (record.kind == Record::Kind::kStored) {
      wire::check_value(record.value);
      // The version of an entry is the sequence of its change, whatever later sequences say.
      reached(record.number);
    }
    const HashedKey key = cache_.hashed(record.bytes);
    cache_.with([&](Table& table) {
      if (record.kind == Record::Kind::kStored)
        table.restore(key, record.value, record.number, expires_at(record.ttl_ns), kNoTime);
      else if (record.kind == Record::Kind::kTouched)
        table.touch(key, expires_at(record.ttl_ns), kNoTime);
      else
        table.erase(key, kNoTime);
    });
  }

  // In 128 bits, since a damaged file may hold any times.
  std::int64_t expires_at(std::int64_t ttl_ns) const {
    if (ttl_ns == kNever) return kNever;
    return static_cast<std::int64_t>(
        std::clamp(int128{now_ns_} + ttl_ns - passed_ns_, int128{kNoTime}, int128{kNever}));
  }

  Cache& cache_;
  std::int64_t now_ns_;
  std::int64_t wall_ns_;
  std::int64_t brief_ns_;
  int128 passed_ns_ = 0;
  std::uint64_t last_sequence_ = 0;
  bool is_complete_ = false;
  Counters counters_;
  std::vector<std::string> notes_;
};

Replayed apply_blocks(Replay& replay, const ByteSource& source) {
  BlockReader reader(source);
  Replayed result;
  try {
    while (const auto block = reader.next()) {
      for_each_record(*block, [&](const Record& record) { replay.apply(record); });
      result.valid_bytes = reader.valid_bytes();
    }
  } catch (const InvalidArgument& error) {
    result.damage = error.what();
  }
  return result;
}

}  // namespace

Replayed replay(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, std::int64_t brief_ns,
                const ByteSource& source) {
  Replay replay(cache, now_ns, wall_ns, brief_ns);
  Replayed result = apply_blocks(replay, source);
  replay.finish();
  result.is_complete = replay.is_complete() && result.damage.empty();
  result.last_sequence = replay.last_sequence();
  result.notes = std::move(replay.notes());
  return result;
}

Replayed follow(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, const ByteSource& source) {
  // An answer has the time at which it was made, from which its age follows.
  Replay replay(cache, now_ns, wall_ns, kNever);
  Replayed result = apply_blocks(replay, source);
  replay.follow();
  result.last_sequence = replay.last_sequence();
  result.notes = std::move(replay.notes());
  return result;
}

}  // namespace alphaforge::cache
