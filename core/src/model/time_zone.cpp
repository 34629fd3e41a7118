#include "model/time_zone.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/reason.hpp"

namespace alphaforge {
namespace {

constexpr std::size_t kChangesMax = 2'000;
constexpr std::int64_t kTimeMax = 10'000'000'000;  // seconds; beyond 64 bits of nanoseconds
constexpr std::int64_t kOffsetMax = 26 * 3'600;

[[noreturn]] void refuse(std::string_view text, const char* why) {
  constexpr std::size_t kShownMax = 60;
  throw InvalidArgument(Reason::SETTING_INVALID,
                        "the rules of time zone \"" + std::string(text.substr(0, kShownMax)) + "\" " + why);
}

// Takes the next word of the text.
std::string_view next_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::int64_t number(std::string_view text, std::string_view word, std::int64_t greatest) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < -greatest || value > greatest)
    refuse(text, "have a number that is malformed or out of range");
  return value;
}

}  // namespace

TimeZone TimeZone::parse(std::string_view text) {
  std::string_view rest = text;
  TimeZone zone;
  zone.rules_ = text;
  zone.name_ = next_word(rest);
  if (zone.name_.empty()) refuse(text, "don't begin with the name of the zone");
  zone.offsets_.front() = number(text, next_word(rest), kOffsetMax);
  while (!rest.empty()) {
    const std::string_view word = next_word(rest);
    const std::size_t colon = std::min(word.find(':'), word.size());
    const std::int64_t time = number(text, word.substr(0, colon), kTimeMax);
    const std::int64_t local_end = time + zone.offsets_.back();
    if (!zone.changes_.empty() && (time <= zone.changes_.back() || local_end <= zone.local_ends_.back()))
      refuse(text, "are not in order of time");
    if (zone.changes_.size() == kChangesMax) refuse(text, "have more than 2,000 changes");
    zone.changes_.push_back(time);
    zone.local_ends_.push_back(local_end);
    zone.offsets_.push_back(number(text, word.substr(std::min(colon + 1, word.size())), kOffsetMax));
  }
  return zone;
}

std::int64_t TimeZone::local(std::int64_t time) const {
  const auto next = std::upper_bound(changes_.begin(), changes_.end(), time);
  return time + offsets_[static_cast<std::size_t>(next - changes_.begin())];
}

std::int64_t TimeZone::first_at(std::int64_t local) const {
  const auto at =
      static_cast<std::size_t>(std::upper_bound(local_ends_.begin(), local_ends_.end(), local) - local_ends_.begin());
  const std::int64_t time = local - offsets_[at];
  return at == 0 ? time : std::max(time, changes_[at - 1]);
}

}  // namespace alphaforge
