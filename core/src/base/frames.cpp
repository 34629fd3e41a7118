#include "base/frames.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/int128.hpp"
#include "base/snapshot_codec.hpp"

namespace alphaforge {
namespace {

// Multiplies to 128 bits and folds: every bit of the result depends on every bit of both.
std::uint64_t fold(std::uint64_t hash, std::uint64_t word) {
  const uint128 product = static_cast<uint128>(hash ^ word) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ 0xd6e8feb86659fd93ULL;
}

std::uint64_t checksum_of(std::uint64_t before, std::uint32_t kind, std::string_view content) {
  std::uint64_t hash = fold(fold(before, kind), content.size());
  for (; content.size() >= 8; content.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, content.data(), 8);
    hash = fold(hash, word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, content.data(), content.size());
  return fold(hash, rest);
}

}  // namespace

std::size_t Records::bytes() const {
  std::size_t bytes = full_bytes_;
  for (const SnapshotWriter& records : open_) bytes += records.size();
  return bytes;
}

void Records::finish(std::uint32_t kind) {
  full_bytes_ += open_[kind].size();
  full_.push_back({kind, std::move(open_[kind])});
  open_[kind] = SnapshotWriter();
}

std::vector<Frame> Records::take() {
  for (std::uint32_t kind = 0; kind < open_.size(); ++kind)
    if (open_[kind].size() != 0) finish(kind);
  full_bytes_ = 0;
  return std::exchange(full_, {});
}

void FrameSeals::next(std::uint32_t kind, std::string_view content, char* seal) {
  checksum_ = checksum_of(checksum_, kind, content);
  const auto size = static_cast<std::uint32_t>(content.size());
  std::memcpy(seal, &size, 4);
  std::memcpy(seal + 4, &kind, 4);
  std::memcpy(seal + 8, &checksum_, 8);
}

std::vector<std::vector<std::string_view>> read_frames(std::string_view magic, std::int64_t version, std::size_t kinds,
                                                       std::string_view checkpoint) {
  SnapshotReader in(checkpoint);
  if (in.text(magic.size()) != magic) SnapshotReader::damaged("it is not a snapshot");
  if (in.number() != version) SnapshotReader::damaged("it has another version");
  std::string_view rest = in.rest();
  std::vector<std::vector<std::string_view>> frames(kinds);
  std::uint64_t checksum = 0;
  for (;;) {
    std::uint32_t size = 0, kind = 0;
    std::uint64_t expected = 0;
    if (rest.size() < FrameSeals::kBytes) SnapshotReader::damaged("it is incomplete");
    std::memcpy(&size, rest.data(), 4);
    std::memcpy(&kind, rest.data() + 4, 4);
    std::memcpy(&expected, rest.data() + 8, 8);
    rest.remove_prefix(FrameSeals::kBytes);
    if (rest.size() < size) SnapshotReader::damaged("it is incomplete");
    const std::string_view content = rest.substr(0, size);
    rest.remove_prefix(size);
    checksum = checksum_of(checksum, kind, content);
    if (checksum != expected) SnapshotReader::damaged("its checksum is wrong");
    if (kind == 0) break;
    if (kind >= kinds) SnapshotReader::damaged("it has a record of an unknown kind");
    frames[kind].push_back(content);
  }
  if (!rest.empty()) SnapshotReader::damaged("data follow its end");
  return frames;
}

}  // namespace alphaforge
