#include "model/trading_calendar.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "model/span.hpp"

namespace alphaforge {
namespace {

constexpr std::size_t kNameBytesMax = 32;
constexpr std::size_t kSessionsMax = 50'000;
constexpr std::size_t kPartsMax = 8;  // of a session
constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kDayMinutes = 1'440;
constexpr std::int32_t kDateEnd = 84'006;  // 2200-01-01
constexpr std::string_view kDateForm = "0000-00-00";
constexpr std::string_view kTimeForm = "00:00";

[[noreturn]] void refuse(std::string_view word, const std::string& why) {
  constexpr std::size_t kShownMax = 60;
  throw InvalidArgument(Reason::SETTING_INVALID, "calendar: '" + std::string(word.substr(0, kShownMax)) + "' " + why);
}

// Returns the text before the next `end`, and removes both from `rest`.
std::string_view take(std::string_view& rest, char end) {
  const std::size_t length = std::min(rest.find(end), rest.size());
  const std::string_view taken = rest.substr(0, length);
  rest.remove_prefix(std::min(length + 1, rest.size()));
  return taken;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// Whether a text has the given form, in which each 0 stands for a digit.
bool has_form(std::string_view text, std::string_view form) {
  const auto fits = [](char c, char wanted) { return wanted == '0' ? is_digit(c) : c == wanted; };
  return std::ranges::equal(text, form, fits);
}

// The value of a short text of digits.
std::int64_t number(std::string_view digits) {
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// The dates that one word stands for.
struct Dates {
  std::int32_t first = 0;
  std::int64_t count = 1;
  bool on_weekdays = false;  // without Saturdays and Sundays

  std::int32_t after(std::int32_t date) const {
    // 1970-01-02 was a Friday.
    const bool is_friday = date % 7 == 1;
    return date + (on_weekdays && is_friday ? 3 : 1);
  }
};

Dates parse_dates(std::string_view word) {
  const std::string_view date = word.substr(0, kDateForm.size());
  if (!has_form(date, kDateForm))
    refuse(word, "is not a date; expected one such as 2024-01-02, 2024-01-02x3 or 2024-01-02w3");
  const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(number(date.substr(0, 4)))},
                                        std::chrono::month{static_cast<unsigned>(number(date.substr(5, 2)))},
                                        std::chrono::day{static_cast<unsigned>(number(date.substr(8, 2)))}};
  if (!day.ok() || day.year() < std::chrono::year{1970}) refuse(word, "is not a date, or is before 1970");
  Dates dates;
  dates.first = static_cast<std::int32_t>(std::chrono::sys_days{day}.time_since_epoch().count());
  if (word.size() == date.size()) return dates;
  const std::string_view digits = word.substr(date.size() + 1);
  dates.on_weekdays = word[date.size()] == 'w';
  dates.count = number(digits);
  const bool is_count = !digits.empty() && digits.size() <= 5 && std::ranges::all_of(digits, is_digit);
  if ((word[date.size()] != 'x' && !dates.on_weekdays) || !is_count || dates.count == 0)
    refuse(word, "is not a date with a count; expected one such as 2024-01-02x3 or 2024-01-02w3");
  const std::int32_t weekday = (dates.first + 3) % 7;  // 0: Monday
  if (dates.on_weekdays && weekday > 4)
    refuse(word, "begins on a weekend; with w, the first date must be a Monday to Friday");
  return dates;
}

std::int64_t parse_minutes(std::string_view text, std::string_view word) {
  const bool has_its_form = has_form(text, kTimeForm);
  const std::int64_t hours = has_its_form ? number(text.substr(0, 2)) : 0;
  const std::int64_t minutes = has_its_form ? number(text.substr(3, 2)) : 0;
  if (!has_its_form || hours > 47 || minutes > 59)
    refuse(word, "has an invalid time; expected times such as 14:30-21:00, or 01:30-04:00,05:00-08:00 with a break");
  return hours * 60 + minutes;
}

// The parts of a session in minutes, counted from 00:00 of its date.
std::vector<Span> parse_times(std::string_view word) {
  std::vector<Span> parts;
  for (std::string_view rest = word; !rest.empty();) {
    std::string_view part = take(rest, ',');
    const std::int64_t open = parse_minutes(take(part, '-'), word);
    parts.push_back({open, parse_minutes(part, word)});
  }
  if (parts.empty() || word.back() == ',' || parts.size() > kPartsMax)
    refuse(word, "has no times, or more than 8 parts");
  std::int64_t next = parts.back().end;
  const auto move_before = [&](std::int64_t& time) {
    if (time >= kDayMinutes) refuse(word, "has a time after 23:59 that isn't the last");
    while (time >= next) time -= kDayMinutes;
    while (time + kDayMinutes < next) time += kDayMinutes;
    next = time;
  };
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part != parts.rbegin()) move_before(part->end);
    move_before(part->start);
  }
  return parts;
}

}  // namespace

TradingCalendar TradingCalendar::parse(std::string_view text) {
  if (text.size() > kCalendarBytesMax) refuse(text.substr(0, kNameBytesMax), "has more than 65,536 bytes");
  TradingCalendar calendar;
  calendar.text_ = text;
  std::string_view rest = text;
  calendar.name_ = take(rest, ' ');
  if (!is_name(calendar.name_))
    refuse(calendar.name_,
           "is not a valid name; expected 1 to 32 letters, digits, _ or -, beginning with a letter, and not UTC");
  while (!rest.empty()) {
    const std::string_view word = take(rest, ' ');
    const Dates dates = parse_dates(word);
    const std::vector<Span> parts = parse_times(take(rest, ' '));
    std::int32_t date = dates.first;
    for (std::int64_t number = 0; number != dates.count; ++number, date = dates.after(date)) {
      if (date >= kDateEnd) refuse(word, "would be after 2199");
      if (calendar.dates_.size() == kSessionsMax) refuse(word, "would be beyond 50,000 sessions");
      const auto at = [&](std::int64_t minute) { return date * kDayNs + minute * kMinuteNs; };
      const Span session{at(parts.front().start), at(parts.back().end)};
      const bool is_first = calendar.dates_.empty();
      if (session.start < 0 ||
          (!is_first && (calendar.dates_.back() >= date || calendar.sessions_.back().end > session.start)))
        refuse(word, "isn't in order: sessions must begin after 1970 and not before the previous one ends");
      calendar.dates_.push_back(date);
      calendar.sessions_.push_back(session);
      for (const Span& part : parts) calendar.parts_.push_back({at(part.start), at(part.end)});
    }
  }
  if (calendar.dates_.empty()) refuse(calendar.name_, "has no sessions");
  return calendar;
}

bool TradingCalendar::is_one(std::string_view text) {
  take(text, ' ');
  return has_form(text.substr(0, kDateForm.size()), kDateForm);
}

bool TradingCalendar::is_name(std::string_view name) {
  const auto is_one_of_a_name = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= kNameBytesMax && is_letter(name.front()) &&
         std::ranges::all_of(name, is_one_of_a_name) && name != "UTC";
}

bool TradingCalendar::extends(const TradingCalendar& other) const {
  const auto begins_with = [](const auto& all, const auto& first) {
    return all.size() >= first.size() && std::equal(first.begin(), first.end(), all.begin());
  };
  return begins_with(dates_, other.dates_) && begins_with(sessions_, other.sessions_) &&
         begins_with(parts_, other.parts_);
}

std::int64_t TradingCalendar::next_close(std::int64_t time) const {
  return std::ranges::upper_bound(sessions_, time, {}, &Span::end)->end;
}

}  // namespace alphaforge
