#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "cache/counters.hpp"
#include "cache/slots.hpp"

namespace alphaforge::cache {

// A cache's file is a sequence of blocks: a head, then a protobuf message whose fields are records in order. A block is
// one write: the changes made under one lock of the cache, or some of its entries.
//
// The head has its own check, which distinguishes a block cut off when its process was killed from a damaged one.
struct BlockHead {
  std::uint32_t size = 0;
  std::uint32_t size_check = 0;
  std::uint64_t checksum = 0;
};

// The head of a block with that message.
BlockHead head_of(std::string_view message);

// Records are collected up to this size; a block can be larger by its last one.
inline constexpr std::size_t kBlockBytes = 1024 * 1024;
inline constexpr std::size_t kBlockBytesMax = 16 * 1024 * 1024;

// A block being built.
class Block {
 public:
  Block() { clear(); }

  bool empty() const { return bytes_.size() == sizeof(BlockHead); }
  std::size_t size() const { return bytes_.size(); }

  // The time of day, in ns since the Unix epoch: times to live that follow count from it.
  void wall_time(std::int64_t wall_ns);
  void stored(const Entry& entry, std::int64_t now_ns);
  void touched(const Entry& entry, std::int64_t now_ns);
  void removed(std::string_view key);
  void cleared();
  // A note: bytes of the cache's owner. Brief notes are meaningful only for a while.
  void note(std::string_view bytes);
  void brief_note(std::string_view bytes);
  void counters(const Counters& counters);
  // The sequence of the latest change.
  void sequence(std::uint64_t last_sequence);

  // The block with its head, valid until it changes.
  std::string_view sealed();
  void clear();

 private:
  std::string bytes_;
};

// A record; `kind` determines which other fields are set.
struct Record {
  enum class Kind : std::uint32_t {
    kWallTime = 1,
    kStored = 2,
    kTouched = 3,
    kRemoved = 4,
    kCleared = 5,
    kNote = 6,
    kCounters = 7,
    kSequence = 8,
    kBriefNote = 9,
  };

  Kind kind = Kind::kWallTime;
  std::string_view bytes;    // the key, or a note
  std::string_view value;    // of kStored
  std::uint64_t number = 0;  // the time, the version or the sequence
  std::int64_t ttl_ns = kNever;
  Counters counters;
};

// Fills the buffer and returns the number of bytes read: fewer than asked for only at the end.
using ByteSource = std::function<std::size_t(char*, std::size_t)>;

// Reads blocks one after the other.
class BlockReader {
 public:
  explicit BlockReader(const ByteSource& source) : source_(source) {}

  // The next block's message, valid until the next call; none at the end, and if a block was cut off. Throws
  // InvalidArgument MESSAGE_MALFORMED that says what is damaged.
  std::optional<std::string_view> next();
  // Size of the complete blocks read.
  std::uint64_t valid_bytes() const { return valid_bytes_; }

 private:
  const ByteSource& source_;
  std::string block_;
  std::uint64_t valid_bytes_ = 0;
};

// Calls visit(const Record&) for each record of a block, in order. Throws InvalidArgument MESSAGE_MALFORMED.
void for_each_record(std::string_view block, const std::function<void(const Record&)>& visit);

}  // namespace alphaforge::cache
