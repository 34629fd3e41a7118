#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace alphaforge::cache {

inline constexpr std::uint32_t kNoSlot = 0xffffffffU;

// From a key's 32-bit tag to the slot of its entry: extendible hashing, a directory of small open-addressing segments.
//
// The leading bits of a tag choose the segment, the trailing ones the cell where a probe starts. A full segment splits
// in two by one more leading bit, so growing never moves more than one segment's cells, however large the index is. A
// walk in segment order visits every tag once, even if segments split meanwhile; cursors of keys() rely on this.
class Index {
 public:
  Index();

  // The slot under `tag` for which `same_key(slot)` holds, or kNoSlot.
  template <class SameKey>
  std::uint32_t find(std::uint32_t tag, SameKey&& same_key) const {
    const Segment& segment = segment_of(tag);
    for (std::size_t i = tag & kCellMask;; i = (i + 1) & kCellMask) {
      const Cell cell = segment.cells[i];
      if (cell.slot == kNoSlot) return kNoSlot;
      if (cell.tag == tag && same_key(cell.slot)) return cell.slot;
    }
  }

  // The key must not be in the index yet. If it throws std::bad_alloc, nothing has changed.
  void insert(std::uint32_t tag, std::uint32_t slot);
  // The slot must be in the index under that tag.
  void erase(std::uint32_t tag, std::uint32_t slot);

  // Appends the slots of the segment that holds `tag`, except those with a lower tag, ordered by tag; returns the first
  // tag of the next segment, 2^32 after the last.
  std::uint64_t collect(std::uint32_t tag, std::vector<std::uint32_t>& slots) const;

  void prefetch(std::uint32_t tag) const { __builtin_prefetch(&segment_of(tag).cells[tag & kCellMask]); }
  std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t kCells = 1024;
  static constexpr std::size_t kCellMask = kCells - 1;
  // A probe in a segment three quarters full looks at 8.5 cells on average, about one cache line.
  static constexpr std::size_t kCellsUsedMax = kCells / 4 * 3;
  // 2^22 segments of about 550 entries: more than 32-bit slots can number.
  static constexpr unsigned kDepthMax = 22;

  struct Cell {
    std::uint32_t tag = 0;
    std::uint32_t slot = kNoSlot;
  };
  struct Segment {
    std::array<Cell, kCells> cells;
    std::uint32_t used = 0;
    unsigned depth = 0;  // leading tag bits that all its cells share

    void insert(Cell cell);
  };

  std::size_t position_of(std::uint32_t tag) const {
    return static_cast<std::size_t>(std::uint64_t{tag} >> (32 - depth_));
  }
  const Segment& segment_of(std::uint32_t tag) const { return *directory_[position_of(tag)]; }
  void split(std::uint32_t tag);

  unsigned depth_ = 0;               // leading tag bits that number the directory
  std::vector<Segment*> directory_;  // 2^depth pointers; a segment of lesser depth appears several times
  std::vector<std::unique_ptr<Segment>> segments_;
};

}  // namespace alphaforge::cache
