#pragma once

#include <cstdint>
#include <vector>

namespace alphaforge {

// Limits the total size of all duplicate windows: beyond it, the oldest entry of the longest idle instrument is
// dropped. A doubly linked list of instruments, by number, in order of their last entry.
class DuplicateBudget {
 public:
  explicit DuplicateBudget(std::uint64_t entries_max) : entries_max_(entries_max) {}

  void set_entries_max(std::uint64_t entries_max) { entries_max_ = entries_max; }
  std::uint64_t entries() const { return entries_; }
  bool exceeded() const { return entries_ > entries_max_; }
  // The instrument idle for longest, among those with entries.
  std::uint64_t longest_idle() const { return nodes_[0].next - 1; }

  // The instruments with entries, by number, from the one idle for longest.
  template <class Visit>
  void each(Visit visit) const {
    for (std::uint64_t at = nodes_[0].next; at != 0; at = nodes_[at].next) visit(at - 1);
  }

  // The instrument got one or more entries: moves it to the end of the list.
  void added(std::uint64_t instrument, std::uint64_t entries = 1);
  // The instrument lost entries; `is_empty` if it has none left.
  void removed(std::uint64_t instrument, std::uint64_t entries, bool is_empty);
  void clear();

 private:
  struct Node {
    std::uint64_t previous = kApart;
    std::uint64_t next = kApart;
  };
  static constexpr std::uint64_t kApart = ~std::uint64_t{0};  // not in the list
  void unlink(Node& node);

  std::vector<Node> nodes_{{0, 0}};  // the ends of the list, then instrument i at i + 1
  std::uint64_t entries_ = 0;
  std::uint64_t entries_max_;
};

}  // namespace alphaforge
