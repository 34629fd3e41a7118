#include "cache/index.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"

namespace alphaforge::cache {
namespace {

constexpr std::size_t kPointerBytes = sizeof(void*);

}  // namespace

Index::Index() {
  segments_.push_back(std::make_unique<Segment>());
  directory_.push_back(segments_.back().get());
}

void Index::Segment::insert(Cell cell) {
  std::size_t i = cell.tag & kCellMask;
  while (cells[i].slot != kNoSlot) i = (i + 1) & kCellMask;
  cells[i] = cell;
  ++used;
}

void Index::insert(std::uint32_t tag, std::uint32_t slot) {
  while (segment_of(tag).used >= kCellsUsedMax) split(tag);
  directory_[position_of(tag)]->insert({tag, slot});
}

void Index::split(std::uint32_t tag) {
  Segment& old = *directory_[position_of(tag)];
  if (old.depth == kDepthMax) throw EngineError(Reason::INTERNAL, "the cache's index is full");
  if (old.depth == depth_) {
    std::vector<Segment*> doubled;
    doubled.reserve(directory_.size() * 2);
    for (Segment* segment : directory_) {
      doubled.push_back(segment);
      doubled.push_back(segment);
    }
    directory_ = std::move(doubled);
    ++depth_;
  }
  segments_.push_back(std::make_unique<Segment>());
  Segment& upper = *segments_.back();
  const std::array<Cell, kCells> cells = old.cells;
  old.cells.fill({});
  old.used = 0;
  upper.depth = ++old.depth;
  for (const Cell& cell : cells) {
    if (cell.slot == kNoSlot) continue;
    const bool goes_up = (cell.tag >> (32 - old.depth) & 1) != 0;
    (goes_up ? upper : old).insert(cell);
  }
  // The old segment's entries in the directory are one run; its upper half becomes the new segment's.
  const std::size_t run = std::size_t{1} << (depth_ - old.depth + 1);
  const std::size_t first = position_of(tag) / run * run;
  for (std::size_t i = first + run / 2; i < first + run; ++i) directory_[i] = &upper;
}

void Index::erase(std::uint32_t tag, std::uint32_t slot) {
  Segment& segment = *directory_[position_of(tag)];
  std::size_t hole = tag & kCellMask;
  while (segment.cells[hole].slot != slot) hole = (hole + 1) & kCellMask;
  // Later cells of the run move back if their own probe still passes, so that no tombstones are needed.
  for (std::size_t i = (hole + 1) & kCellMask; segment.cells[i].slot != kNoSlot; i = (i + 1) & kCellMask) {
    const std::size_t home = segment.cells[i].tag & kCellMask;
    if (((i - home) & kCellMask) >= ((i - hole) & kCellMask)) {
      segment.cells[hole] = segment.cells[i];
      hole = i;
    }
  }
  segment.cells[hole] = {};
  --segment.used;
}

std::uint64_t Index::collect(std::uint32_t tag, std::vector<std::uint32_t>& slots) const {
  const Segment& segment = segment_of(tag);
  std::vector<Cell> found;
  for (const Cell& cell : segment.cells)
    if (cell.slot != kNoSlot && cell.tag >= tag) found.push_back(cell);
  std::sort(found.begin(), found.end(), [](const Cell& a, const Cell& b) { return a.tag < b.tag; });
  for (const Cell& cell : found) slots.push_back(cell.slot);
  const std::uint64_t width = std::uint64_t{1} << (32 - segment.depth);
  return (tag / width + 1) * width;
}

std::size_t Index::memory_bytes() const {
  return segments_.size() * (sizeof(Segment) + kPointerBytes) + directory_.capacity() * kPointerBytes;
}

}  // namespace alphaforge::cache
