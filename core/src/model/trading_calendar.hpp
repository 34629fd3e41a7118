#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/span.hpp"

namespace alphaforge {

inline constexpr std::size_t kCalendarBytesMax = 65'536;

// The sessions of a market by date, with their breaks (rule 3.31). The caller passes them; nothing is looked up, so a
// replay uses the original ones.
class TradingCalendar {
 public:
  // `name dates times dates times ...`: `2024-01-02` is a date, `2024-01-02x3` three dates in a row, `2024-01-02w3`
  // three without Saturdays and Sundays. Times are in UTC: `14:30-21:00`, or `01:30-04:00,05:00-08:00` with a break.
  // The last time is on the date, or on the next date if it is 24:00 to 47:59. Every other is on the date or an earlier
  // one, at most 24 hours before the time that follows it.
  // Throws InvalidArgument SETTING_INVALID.
  static TradingCalendar parse(std::string_view text);

  // Whether a text in which a space follows a name is one of a calendar, and not the rules of a time zone.
  static bool is_one(std::string_view text);
  // Whether it may be the name of one: 1 to 32 letters, digits, _ and -, the first a letter; but not UTC.
  static bool is_name(std::string_view name);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }  // as given
  // Days since 1970-01-01, ascending.
  const std::vector<std::int32_t>& dates() const { return dates_; }
  // From open to close, breaks included: one for each date.
  const std::vector<Span>& sessions() const { return sessions_; }
  // The same without breaks: one or more for each session.
  const std::vector<Span>& parts() const { return parts_; }
  // Whether the calendar covers that time: from its first open until its last close.
  bool covers(std::int64_t time) const { return time >= sessions_.front().start && time < sessions_.back().end; }
  // Whether it has all sessions of the other one, and perhaps later ones.
  bool extends(const TradingCalendar& other) const;
  // The first close strictly after a time that the calendar covers.
  std::int64_t next_close(std::int64_t time) const;

 private:
  std::string name_;
  std::string text_;
  std::vector<std::int32_t> dates_;
  std::vector<Span> sessions_;
  std::vector<Span> parts_;
};

}  // namespace alphaforge
