#include "cache/table.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "cache/change_log.hpp"
#include "cache/index.hpp"
#include "cache/slots.hpp"
#include "encoding/value_sum.hpp"

namespace alphaforge::cache {

namespace {

// Expired entries freed per call. Two would keep up with any rate of puts; more drain a burst sooner.
constexpr std::size_t kReleasedPerCall = 4;

constexpr std::uint64_t weight_of(std::size_t data_size) { return data_size + kEntryOverheadBytes; }

// The memory of a malloc block: its size and an 8-byte header, in steps of 16 bytes, at least 32; large blocks are
// whole pages.
constexpr std::uint64_t heap_bytes_of(std::size_t data_size) {
  constexpr std::size_t kMappedFrom = 128 * 1024;
  constexpr std::size_t kPage = 4096;
  if (data_size >= kMappedFrom) return (data_size + 16 + kPage - 1) / kPage * kPage;
  return std::max<std::size_t>(32, (data_size + 8 + 15) / 16 * 16);
}

char* allocate(std::size_t size) {
  void* block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return static_cast<char*>(block);
}

}  // namespace

Table::Table(const Settings& settings) : settings_(settings), storage_(std::make_unique<Storage>()) {}

std::uint32_t Table::find(const HashedKey& key) const {
  const Slots& slots = storage_->slots;
  return storage_->index.find(key.tag, [&](std::uint32_t slot) { return slots[slot].key() == key.text; });
}

// An expired entry found here is freed immediately and is a miss.
std::uint32_t Table::find_live(const HashedKey& key) {
  const std::uint32_t slot = find(key);
  if (slot == kNoSlot || now_ns_ < storage_->slots[slot].expires_at_ns) return slot;
  remove(slot, ChangeKind::kExpiration);
  return kNoSlot;
}

std::optional<Found> Table::get(const HashedKey& key, std::int64_t now_ns) {
  advance(now_ns);
  ++counters_.total_operations;
  const std::uint32_t slot = find_live(key);
  if (slot == kNoSlot) {
    ++counters_.misses;
    return std::nullopt;
  }
  ++counters_.hits;
  make_newest(slot);
  const Entry& entry = storage_->slots[slot];
  return Found{entry.value(), entry.version, entry.expires_at_ns};
}

std::optional<Found> Table::peek(const HashedKey& key, std::int64_t now_ns) {
  advance(now_ns);
  const std::uint32_t slot = find_live(key);
  if (slot == kNoSlot) return std::nullopt;
  const Entry& entry = storage_->slots[slot];
  return Found{entry.value(), entry.version, entry.expires_at_ns};
}

bool Table::contains(const HashedKey& key, std::int64_t now_ns) {
  ++counters_.total_operations;
  return peek(key, now_ns).has_value();
}

void Table::check_fits(std::size_t data_size) const {
  if (settings_.bytes_max == 0 || weight_of(data_size) <= settings_.bytes_max) return;
  throw InvalidArgument(Reason::LIMIT_EXCEEDED,
                        "the entry takes " + std::to_string(weight_of(data_size)) +
                            " bytes; the whole cache has max_bytes=" + std::to_string(settings_.bytes_max));
}

std::uint64_t Table::put(const HashedKey& key, std::string_view value, std::int64_t expires_at_ns,
                         std::int64_t now_ns) {
  const std::uint64_t version = store(key, value, expires_at_ns, now_ns);
  ++counters_.total_operations;
  return version;
}

std::uint64_t Table::store(const HashedKey& key, std::string_view value, std::int64_t expires_at_ns,
                           std::int64_t now_ns) {
  advance(now_ns);
  check_fits(key.text.size() + value.size());
  std::uint32_t slot = find_live(key);
  if (slot == kNoSlot) {
    make_room(1, weight_of(key.text.size() + value.size()));
    slot = insert(key, value, expires_at_ns);
  } else {
    replace(slot, value, expires_at_ns);
    make_room(0, 0);
  }
  Entry& entry = storage_->slots[slot];
  entry.version = changes_.append(ChangeKind::kPut, key.text);
  if (journal_ != nullptr) journal_->stored(entry, now_ns_);
  return entry.version;
}

std::uint64_t Table::compare_and_swap(const HashedKey& key, std::uint64_t version, std::string_view value,
                                      std::int64_t expires_at_ns, std::int64_t now_ns) {
  const std::optional<Found> found = peek(key, now_ns);
  if ((found ? found->version : 0) != version) return 0;
  return store(key, value, expires_at_ns, now_ns);
}

Sum Table::increment(const HashedKey& key, std::string_view amount, std::int64_t expires_at_ns, std::int64_t now_ns) {
  const std::optional<Found> found = peek(key, now_ns);
  std::string sum = found ? wire::add_values(found->value, amount) : std::string(amount);
  const std::uint64_t version = store(key, sum, found ? found->expires_at_ns : expires_at_ns, now_ns);
  return {std::move(sum), version};
}

std::uint32_t Table::insert(const HashedKey& key, std::string_view value, std::int64_t expires_at_ns) {
  // Allocations come first, so that a failure leaves the table unchanged.
  storage_->deadlines.reserve_one();
  const std::size_t size = key.text.size() + value.size();
  char* const data = allocate(size);
  std::uint32_t slot = kNoSlot;
  try {
    slot = storage_->slots.allocate();
    storage_->index.insert(key.tag, slot);
  } catch (...) {
    if (slot != kNoSlot) storage_->slots.release(slot);
    std::free(data);
    throw;
  }
  std::memcpy(data, key.text.data(), key.text.size());
  std::memcpy(data + key.text.size(), value.data(), value.size());
  Entry& entry = storage_->slots[slot];
  entry.data = data;
  entry.tag = key.tag;
  entry.key_size = static_cast<std::uint16_t>(key.text.size());
  entry.value_size = static_cast<std::uint32_t>(value.size());
  storage_->deadlines.set(slot, expires_at_ns);
  link_newest(slot);
  ++storage_->entries;
  storage_->weight += weight_of(size);
  storage_->heap_bytes += heap_bytes_of(size);
  return slot;
}

void Table::replace(std::uint32_t slot, std::string_view value, std::int64_t expires_at_ns) {
  storage_->deadlines.reserve_one();
  Entry& entry = storage_->slots[slot];
  const std::size_t old_size = entry.data_size();
  const std::size_t size = entry.key_size + value.size();
  // A value that fits the same block of memory is stored in place.
  if (size > old_size || heap_bytes_of(size) != heap_bytes_of(old_size)) {
    char* const data = allocate(size);
    std::memcpy(data, entry.data, entry.key_size);
    std::free(entry.data);
    entry.data = data;
  }
  std::memcpy(entry.data + entry.key_size, value.data(), value.size());
  entry.value_size = static_cast<std::uint32_t>(value.size());
  storage_->weight += weight_of(size) - weight_of(old_size);
  storage_->heap_bytes += heap_bytes_of(size) - heap_bytes_of(old_size);
  storage_->deadlines.set(slot, expires_at_ns);
  make_newest(slot);
}

bool Table::erase(const HashedKey& key, std::int64_t now_ns) {
  advance(now_ns);
  ++counters_.total_operations;
  const std::uint32_t slot = find_live(key);
  if (slot == kNoSlot) return false;
  remove(slot, ChangeKind::kDelete);
  return true;
}

bool Table::touch(const HashedKey& key, std::int64_t expires_at_ns, std::int64_t now_ns) {
  advance(now_ns);
  const std::uint32_t slot = find_live(key);
  if (slot == kNoSlot) return false;
  storage_->deadlines.reserve_one();
  storage_->deadlines.set(slot, expires_at_ns);
  make_newest(slot);
  changes_.append(ChangeKind::kTouch, key.text);
  if (journal_ != nullptr) journal_->touched(storage_->slots[slot], now_ns_);
  return true;
}

std::optional<Found> Table::use(const HashedKey& key, std::int64_t now_ns) {
  advance(now_ns);
  const std::uint32_t slot = find_live(key);
  if (slot == kNoSlot) return std::nullopt;
  make_newest(slot);
  const Entry& entry = storage_->slots[slot];
  return Found{entry.value(), entry.version, entry.expires_at_ns};
}

void Table::advance(std::int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  release_expired(now_ns_, kReleasedPerCall);
}

bool Table::release_expired(std::int64_t now_ns, std::size_t limit) {
  now_ns_ = std::max(now_ns_, now_ns);
  Deadlines& deadlines = storage_->deadlines;
  for (; !deadlines.empty() && deadlines.earliest_ns() <= now_ns_; --limit) {
    if (limit == 0) return false;
    remove(deadlines.earliest_slot(), ChangeKind::kExpiration);
  }
  return true;
}

// Evicts until the given number of entries of that weight fit.
void Table::make_room(std::uint64_t entries, std::uint64_t weight) {
  while (storage_->entries != 0 && (storage_->entries + entries > settings_.entries_max ||
                                    (settings_.bytes_max != 0 && storage_->weight + weight > settings_.bytes_max)))
    drop_one();
}

// Expired entries are removed before any live entry is evicted.
void Table::drop_one() {
  const Deadlines& deadlines = storage_->deadlines;
  if (!deadlines.empty() && deadlines.earliest_ns() <= now_ns_)
    remove(deadlines.earliest_slot(), ChangeKind::kExpiration);
  else
    remove(storage_->oldest, ChangeKind::kEviction);
}

void Table::remove(std::uint32_t slot, ChangeKind why) {
  const Entry& entry = storage_->slots[slot];
  if (why == ChangeKind::kExpiration) ++counters_.expirations;
  if (why == ChangeKind::kEviction) ++counters_.evictions;
  changes_.append(why, entry.key());
  if (journal_ != nullptr) journal_->removed(entry.key());
  const std::size_t size = entry.data_size();
  storage_->index.erase(entry.tag, slot);
  storage_->deadlines.set(slot, kNever);
  unlink(slot);
  --storage_->entries;
  storage_->weight -= weight_of(size);
  storage_->heap_bytes -= heap_bytes_of(size);
  storage_->slots.release(slot);
}

void Table::restore(const HashedKey& key, std::string_view value, std::uint64_t version, std::int64_t expires_at_ns,
                    std::int64_t now_ns) {
  store(key, value, expires_at_ns, now_ns);
  storage_->slots[storage_->newest].version = version;
}

void Table::resume(const Counters& counters, std::uint64_t last_sequence) {
  counters_ = counters;
  changes_.skip_to(last_sequence);
}

void Table::follow(std::uint64_t last_sequence) {
  counters_ = {};
  changes_.continue_after(last_sequence);
}

std::unique_ptr<Storage> Table::clear() {
  auto fresh = std::make_unique<Storage>();
  storage_.swap(fresh);
  ++storage_number_;
  changes_.append(ChangeKind::kClear, {});
  if (journal_ != nullptr) journal_->cleared();
  return fresh;
}

bool Table::resize(const Settings& settings, std::int64_t now_ns, std::size_t limit) {
  advance(now_ns);
  for (; limit != 0 && (storage_->entries > settings.entries_max ||
                        (settings.bytes_max != 0 && storage_->weight > settings.bytes_max));
       --limit)
    drop_one();
  settings_ = settings;
  settings_.entries_max = std::max(settings.entries_max, storage_->entries);
  if (settings.bytes_max != 0) settings_.bytes_max = std::max(settings.bytes_max, storage_->weight);
  return settings_ == settings;
}

std::uint64_t Table::keys(std::string_view prefix, std::size_t limit, std::uint64_t cursor, std::int64_t now_ns,
                          std::vector<std::string>& out) {
  advance(now_ns);
  std::vector<std::uint32_t> slots;
  const std::uint64_t next = storage_->index.collect(static_cast<std::uint32_t>(cursor), slots);
  const std::size_t end = out.size() + limit;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Entry& entry = storage_->slots[slots[i]];
    // Keys of one tag stay on one page: a cursor can't point between them.
    if (out.size() >= end && (i == 0 || entry.tag != storage_->slots[slots[i - 1]].tag)) return entry.tag;
    if (now_ns_ < entry.expires_at_ns && entry.key().starts_with(prefix)) out.emplace_back(entry.key());
  }
  return next >> 32 == 0 ? next : 0;
}

bool Table::shrink(std::uint64_t memory_max, std::size_t limit) {
  for (; limit != 0 && storage_->entries != 0 && memory_bytes() > memory_max; --limit) drop_one();
  // Frees the index and the heap of deadlines, which would otherwise keep their size.
  if (storage_->entries == 0) {
    storage_ = std::make_unique<Storage>();
    ++storage_number_;
  }
  return limit != 0;
}

Order Table::order() const {
  Order order{{}, storage_number_};
  order.slots.reserve(storage_->entries);
  for (std::uint32_t slot = storage_->oldest; slot != kNoSlot; slot = storage_->slots[slot].newer)
    order.slots.push_back(slot);
  return order;
}

const Entry* Table::entry_at(const Order& order, std::size_t index) const {
  return order.storage_number == storage_number_ ? storage_->slots.find(order.slots[index]) : nullptr;
}

std::uint64_t Table::memory_bytes() const {
  return sizeof(Table) + sizeof(Storage) + storage_->heap_bytes + storage_->slots.memory_bytes() +
         storage_->index.memory_bytes() + storage_->deadlines.memory_bytes() + changes_.memory_bytes();
}

Counters Table::counters() const {
  Counters counters = counters_;
  counters.entries = storage_->entries;
  counters.estimated_memory_bytes = memory_bytes();
  return counters;
}

void Table::link_newest(std::uint32_t slot) {
  Entry& entry = storage_->slots[slot];
  entry.older = storage_->newest;
  entry.newer = kNoSlot;
  (storage_->newest == kNoSlot ? storage_->oldest : storage_->slots[storage_->newest].newer) = slot;
  storage_->newest = slot;
}

void Table::unlink(std::uint32_t slot) {
  const Entry& entry = storage_->slots[slot];
  (entry.older == kNoSlot ? storage_->oldest : storage_->slots[entry.older].newer) = entry.newer;
  (entry.newer == kNoSlot ? storage_->newest : storage_->slots[entry.newer].older) = entry.older;
}

void Table::make_newest(std::uint32_t slot) {
  if (storage_->newest == slot) return;
  unlink(slot);
  link_newest(slot);
}

void Table::validate() const {
  const auto check = [](bool holds, const char* what) {
    if (!holds) throw EngineError(Reason::INTERNAL, std::string("the cache is inconsistent: ") + what);
  };
  std::uint64_t entries = 0, weight = 0, heap_bytes = 0;
  std::uint32_t before = kNoSlot;
  for (std::uint32_t slot = storage_->oldest; slot != kNoSlot; slot = storage_->slots[slot].newer) {
    const Entry& entry = storage_->slots[slot];
    check(entry.older == before, "a link of the order of use");
    check(find({entry.key(), entry.tag}) == slot, "an entry that its key doesn't find");
    check((entry.deadline_position == kNoDeadline) == (entry.expires_at_ns == kNever), "a deadline");
    check(entry.version <= changes_.last_sequence(), "a version");
    before = slot;
    ++entries;
    weight += weight_of(entry.data_size());
    heap_bytes += heap_bytes_of(entry.data_size());
  }
  check(storage_->newest == before, "the newest entry");
  check(storage_->entries == entries, "the number of entries");
  check(storage_->weight == weight, "the weight of the entries");
  check(storage_->heap_bytes == heap_bytes, "the memory of the entries");
  check(entries <= settings_.entries_max, "max_size");
  check(settings_.bytes_max == 0 || weight <= settings_.bytes_max, "max_bytes");
}

}  // namespace alphaforge::cache
