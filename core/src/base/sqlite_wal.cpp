#include "base/sqlite_wal.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alphaforge {

namespace {

constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // the last bit says that checksums read big-endian words

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t byte = 0; byte < 4; ++byte) value = value << 8 | static_cast<unsigned char>(bytes[at + byte]);
  return value;
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t byte = 4; byte-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + byte]);
  return value;
}

struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  bool is_big_endian = false;

  void add(std::string_view bytes) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      first += word(bytes, at) + second;
      second += word(bytes, at + 4) + first;
    }
  }

  bool is_at(std::string_view bytes, std::size_t at) const {
    return big_endian(bytes, at) == first && big_endian(bytes, at + 4) == second;
  }

 private:
  std::uint32_t word(std::string_view bytes, std::size_t at) const {
    return is_big_endian ? big_endian(bytes, at) : little_endian(bytes, at);
  }
};

bool is_page_size(std::uint32_t bytes) { return bytes >= 512 && bytes <= 65'536 && (bytes & (bytes - 1)) == 0; }

}  // namespace

SqliteWal read_sqlite_wal(std::string_view file) {
  SqliteWal wal;
  if (file.size() < kHeaderBytes) return wal;
  const std::uint32_t magic = big_endian(file, 0);
  const std::uint32_t page_bytes = big_endian(file, 8);
  Checksum checksum{.is_big_endian = (magic & 1) != 0};
  checksum.add(file.substr(0, 24));
  wal.is_header_valid = (magic & ~std::uint32_t{1}) == kMagic && is_page_size(page_bytes) && checksum.is_at(file, 24);
  if (!wal.is_header_valid) return wal;

  const std::string_view salts = file.substr(16, 8);
  const std::size_t frame_bytes = kFrameHeaderBytes + page_bytes;
  bool is_bad = false;
  for (std::size_t at = kHeaderBytes; at + kFrameHeaderBytes <= file.size(); at += frame_bytes) {
    const bool is_of_this_log = file.substr(at + 8, 8) == salts;
    if (is_bad) {
      if (is_of_this_log) ++wal.frames_after_bad;
      continue;
    }
    if (is_of_this_log && at + frame_bytes <= file.size()) {
      checksum.add(file.substr(at, 8));
      checksum.add(file.substr(at + kFrameHeaderBytes, page_bytes));
      is_bad = !checksum.is_at(file, at + 16);
    } else {
      is_bad = true;
    }
    if (is_bad) continue;
    ++wal.frames;
    if (big_endian(file, at + 4) != 0) wal.committed_frames = wal.frames;
  }
  return wal;
}

}  // namespace alphaforge
