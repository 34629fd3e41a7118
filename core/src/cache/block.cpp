#include "cache/block.hpp"

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "cache/counters.hpp"
#include "cache/hash.hpp"
#include "cache/slots.hpp"
#include "encoding/reader.hpp"
#include "encoding/writer.hpp"

namespace alphaforge::cache {

namespace {

using wire::Reader;
using wire::Writer;
using Kind = Record::Kind;

// A checksum against damage needs no secret.
constexpr HashSeed kChecksumSeed{0x616c706861666f72, 0x67652d6361636865};

constexpr std::uint32_t size_check_of(std::uint32_t size) { return ~size ^ 0x6166636a; }

constexpr std::uint32_t field_of(Kind kind) { return static_cast<std::uint32_t>(kind); }

std::int64_t ttl_of(const Entry& entry, std::int64_t now_ns) {
  return entry.expires_at_ns == kNever ? kNever : entry.expires_at_ns - now_ns;
}

// Writes fields with numbers below 16 into reserved space.
struct Cursor {
  char* at;

  void head(std::uint32_t field, std::size_t size) {
    *at++ = static_cast<char>(field << 3 | static_cast<std::uint32_t>(wire::WireType::kBytes));
    for (; size >= 0x80; size >>= 7) *at++ = static_cast<char>(size | 0x80);
    *at++ = static_cast<char>(size);
  }
  void text(std::uint32_t field, std::string_view value) {
    head(field, value.size());
    std::memcpy(at, value.data(), value.size());
    at += value.size();
  }
  void number(std::uint32_t field, std::uint64_t value) {
    *at++ = static_cast<char>(field << 3 | static_cast<std::uint32_t>(wire::WireType::kFixed64));
    std::memcpy(at, &value, sizeof(value));
    at += sizeof(value);
  }
};

void read_entry(std::string_view message, Record& record) {
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      record.bytes = reader.bytes();
    else if (reader.field() == 2)
      record.value = reader.bytes();
    else if (reader.field() == 3)
      record.number = reader.fixed<std::uint64_t>();
    else if (reader.field() == 4)
      record.ttl_ns = reader.fixed<std::int64_t>();
    else
      reader.skip();
  }
}

void read_counter(std::string_view message, Counters& counters) {
  std::string_view counter;
  std::uint64_t value = 0;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      counter = reader.bytes();
    else if (reader.field() == 2)
      value = reader.uint();
    else
      reader.skip();
  }
#define X(name, kind, unit, help) \
  if (counter == #name) counters.name = value;
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
}

void read_counters(std::string_view message, Counters& counters) {
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      read_counter(reader.bytes(), counters);
    else
      reader.skip();
  }
}

}  // namespace

void Block::wall_time(std::int64_t wall_ns) {
  Writer(bytes_).uint(field_of(Kind::kWallTime), static_cast<std::uint64_t>(wall_ns));
}

// On the path of every put: numbers have fixed widths, so that the size is known and space is reserved once.
void Block::stored(const Entry& entry, std::int64_t now_ns) {
  const auto field_size = [](std::size_t size) { return 1 + wire::varint_size(size) + size; };
  constexpr std::size_t kNumberSize = 1 + sizeof(std::uint64_t);
  const std::size_t size = field_size(entry.key_size) + field_size(entry.value_size) + 2 * kNumberSize;
  const std::size_t start = bytes_.size();
  bytes_.resize(start + field_size(size));
  Cursor cursor{bytes_.data() + start};
  cursor.head(field_of(Kind::kStored), size);
  cursor.text(1, entry.key());
  cursor.text(2, entry.value());
  cursor.number(3, entry.version);
  cursor.number(4, static_cast<std::uint64_t>(ttl_of(entry, now_ns)));
}

void Block::touched(const Entry& entry, std::int64_t now_ns) {
  Writer writer(bytes_);
  const std::size_t start = writer.begin(field_of(Kind::kTouched));
  writer.bytes(1, entry.key());
  writer.fixed(4, ttl_of(entry, now_ns));
  writer.end(start);
}

void Block::removed(std::string_view key) { Writer(bytes_).bytes(field_of(Kind::kRemoved), key); }

void Block::cleared() { Writer(bytes_).uint(field_of(Kind::kCleared), 1); }

void Block::note(std::string_view bytes) { Writer(bytes_).bytes(field_of(Kind::kNote), bytes); }

void Block::brief_note(std::string_view bytes) { Writer(bytes_).bytes(field_of(Kind::kBriefNote), bytes); }

void Block::counters(const Counters& counters) {
  Writer writer(bytes_);
  const std::size_t start = writer.begin(field_of(Kind::kCounters));
  const auto counter = [&](std::string_view name, std::uint64_t value) {
    const std::size_t inner = writer.begin(1);
    writer.bytes(1, name);
    writer.uint(2, value);
    writer.end(inner);
  };
#define X(name, kind, unit, help) counter(#name, counters.name);
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
  writer.end(start);
}

void Block::sequence(std::uint64_t last_sequence) { Writer(bytes_).uint(field_of(Kind::kSequence), last_sequence); }

BlockHead head_of(std::string_view message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  return {size, size_check_of(size), hash_of(message, kChecksumSeed)};
}

std::string_view Block::sealed() {
  const BlockHead head = head_of(std::string_view(bytes_).substr(sizeof(BlockHead)));
  std::memcpy(bytes_.data(), &head, sizeof(head));
  return bytes_;
}

void Block::clear() {
  // Doesn't keep the memory of a large block for small ones.
  if (bytes_.capacity() > 2 * kBlockBytes) bytes_ = {};
  bytes_.assign(sizeof(BlockHead), '\0');
}

std::optional<std::string_view> BlockReader::next() {
  const auto refuse = [&](const char* what) {
    throw InvalidArgument(Reason::MESSAGE_MALFORMED,
                          "damaged cache file, at byte " + std::to_string(valid_bytes_) + ": " + what);
  };
  BlockHead head;
  if (source_(reinterpret_cast<char*>(&head), sizeof(head)) != sizeof(head)) return std::nullopt;
  if (head.size_check != size_check_of(head.size) || head.size > kBlockBytesMax)
    refuse("the length of a block is invalid");
  block_.resize(head.size);
  if (source_(block_.data(), block_.size()) != block_.size()) return std::nullopt;
  if (hash_of(block_, kChecksumSeed) != head.checksum) refuse("a checksum does not match");
  valid_bytes_ += sizeof(head) + block_.size();
  return block_;
}

void for_each_record(std::string_view block, const std::function<void(const Record&)>& visit) {
  Reader reader(block);
  while (reader.next()) {
    Record record;
    record.kind = static_cast<Kind>(reader.field());
    switch (record.kind) {
      case Kind::kWallTime:
      case Kind::kSequence:
      case Kind::kCleared:
        record.number = reader.uint();
        break;
      case Kind::kStored:
      case Kind::kTouched:
        read_entry(reader.bytes(), record);
        break;
      case Kind::kRemoved:
      case Kind::kNote:
      case Kind::kBriefNote:
        record.bytes = reader.bytes();
        break;
      case Kind::kCounters:
        read_counters(reader.bytes(), record.counters);
        break;
      default:
        // A later release wrote a change that this one can't read; ignoring it would be wrong.
        throw InvalidArgument(Reason::MESSAGE_MALFORMED,
                              "cache file with a record that this release does not know; a later release wrote it");
    }
    visit(record);
  }
}

}  // namespace alphaforge::cache
