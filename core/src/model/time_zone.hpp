#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alphaforge {

// What the clocks of a time zone show over time. The caller passes the rules; they are never looked up, so a replay
// uses the original ones. Times are seconds, of UTC since the Unix epoch, or the same count of what clocks show
// ("local").
class TimeZone {
 public:
  // UTC.
  TimeZone() : offsets_{0} {}
  // `name offset time:offset time:offset ...`: the offset from UTC in the beginning, and from each time on.
  // Throws InvalidArgument SETTING_INVALID.
  static TimeZone parse(std::string_view text);

  const std::string& name() const { return name_; }
  const std::string& rules() const { return rules_; }  // as given
  std::int64_t local(std::int64_t time) const;
  // The first time at which clocks show `local` or a later time.
  std::int64_t first_at(std::int64_t local) const;

 private:
  std::string name_ = "UTC";
  std::string rules_ = "UTC 0";
  std::vector<std::int64_t> changes_;     // ascending
  std::vector<std::int64_t> offsets_;     // before the first change, and after each
  std::vector<std::int64_t> local_ends_;  // what clocks would show at each change if it did not happen; ascending
};

}  // namespace alphaforge
