#include "model/duplicate_budget.hpp"

#include <cstdint>

namespace alphaforge {

void DuplicateBudget::added(std::uint64_t instrument, std::uint64_t entries) {
  const std::uint64_t at = instrument + 1;
  entries_ += entries;
  if (at >= nodes_.size()) nodes_.resize(at + 1);
  if (nodes_[0].previous == at) return;
  Node& node = nodes_[at];
  if (node.next != kApart) unlink(node);
  node = {nodes_[0].previous, 0};
  nodes_[node.previous].next = at;
  nodes_[0].previous = at;
}

void DuplicateBudget::removed(std::uint64_t instrument, std::uint64_t entries, bool is_empty) {
  entries_ -= entries;
  if (!is_empty || instrument + 1 >= nodes_.size()) return;
  Node& node = nodes_[instrument + 1];
  if (node.next != kApart) unlink(node);
}

void DuplicateBudget::clear() {
  nodes_.assign(1, {0, 0});
  entries_ = 0;
}

void DuplicateBudget::unlink(Node& node) {
  nodes_[node.previous].next = node.next;
  nodes_[node.next].previous = node.previous;
  node = Node();
}

}  // namespace alphaforge
