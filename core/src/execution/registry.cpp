#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "execution/instrument.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/session.hpp"
#include "model/trading_calendar.hpp"

// Registered instruments (rule 3.27).

namespace alphaforge::execution {

namespace {

// A short text may stand for many sessions.
constexpr std::size_t kCalendarPartsMax = 500'000;

}  // namespace

void Venue::register_instruments(const std::vector<InstrumentDefinition>& definitions) {
  std::size_t added = 0;
  for (const InstrumentDefinition& definition : definitions) check_registration(definition, added);
  if (instruments_.size() + added > static_cast<std::size_t>(config_.max_instruments))
    throw ResourceExhausted(Reason::INSTRUMENT_LIMIT, "the engine would have more than " +
                                                          std::to_string(config_.max_instruments) +
                                                          " instruments, its max_instruments");
  std::vector<std::shared_ptr<const TradingCalendar>> calendars;
  calendars.reserve(definitions.size());
  std::erase_if(calendars_, [](const auto& each) { return each.second.expired(); });
  std::size_t parts = 0;
  for (const auto& [text, calendar] : calendars_) parts += calendar.lock()->parts().size();
  for (const InstrumentDefinition& definition : definitions) {
    const std::size_t known = calendars_.size();
    calendars.push_back(find_calendar(definition.calendar));
    if (calendars_.size() != known) parts += calendars.back()->parts().size();
    if (parts > kCalendarPartsMax)
      throw ResourceExhausted(Reason::LIMIT_EXCEEDED,
                              "the calendars of the engine would have more than 500,000 sessions and breaks; register "
                              "shorter ones, or the same one for more instruments");
  }
  for (std::size_t i = 0; i != definitions.size(); ++i) {
    const InstrumentDefinition& definition = definitions[i];
    Instrument* const known = find_instrument(definition.instrument_id);
    Instrument& instrument = known == nullptr ? add_instrument(definition.instrument_id) : *known;
    touch(instrument);
    instrument.definition = std::make_unique<const InstrumentDefinition>(definition);
    instrument.days = make_days(definition.session, definition.time_zone);
    instrument.calendar = std::move(calendars[i]);
  }
}

// The calendar of that text, which all instruments that have it share; null for an empty text. Throws InvalidArgument
// SETTING_INVALID.
std::shared_ptr<const TradingCalendar> Venue::find_calendar(const std::string& text) {
  if (text.empty()) return nullptr;
  std::weak_ptr<const TradingCalendar>& known = calendars_[text];
  std::shared_ptr<const TradingCalendar> calendar = known.lock();
  if (calendar == nullptr) known = calendar = std::make_shared<const TradingCalendar>(TradingCalendar::parse(text));
  return calendar;
}

// A registration must not change the value of existing positions, nor forbid negative prices that may have occurred.
void Venue::check_registration(const InstrumentDefinition& definition, std::size_t& added) const {
  check_definition(definition);
  const Instrument* const instrument = find_instrument(definition.instrument_id);
  added += instrument == nullptr;
  if (instrument == nullptr) return;
  const InstrumentDefinition old = instrument->definition ? *instrument->definition : InstrumentDefinition{};
  if (old.negative_prices && !definition.negative_prices && (instrument->has_price || instrument->order_count != 0))
    throw EngineError(Reason::INSTRUMENT_IN_USE, "instrument " + definition.instrument_id +
                                                     " has had orders or trades with negative_prices, so it keeps "
                                                     "this setting until the engine is reset");
  const bool is_same = old.multiplier == definition.multiplier && old.is_inverse == definition.is_inverse &&
                       (old.currency.empty() || old.currency == definition.currency);
  if (is_same) return;
  const auto holds = [instrument](const Strategy* strategy) { return strategy->positions.contains(instrument); };
  if (std::ranges::any_of(strategies_by_index_, holds))
    throw EngineError(
        Reason::INSTRUMENT_IN_USE,
        "instrument " + definition.instrument_id +
            " was traded with another multiplier, kind or currency; they can't change until the engine is reset");
}

std::vector<InstrumentDefinition> Venue::definitions(const std::optional<std::string>& symbol, const std::string& after,
                                                     std::size_t limit) const {
  std::vector<const InstrumentDefinition*> asked;
  for (const Instrument* instrument : instruments_by_index_) {
    const InstrumentDefinition* const definition = instrument->definition.get();
    if (definition != nullptr && (after.empty() || instrument->id > after) && (!symbol || instrument->id == *symbol))
      asked.push_back(definition);
  }
  const auto end = asked.begin() + static_cast<std::ptrdiff_t>(std::min(limit, asked.size()));
  std::ranges::partial_sort(asked, end, {}, [](const auto* one) -> const std::string& { return one->instrument_id; });
  std::vector<InstrumentDefinition> found;
  for (auto at = asked.begin(); at != end; ++at) found.push_back(**at);
  return found;
}

}  // namespace alphaforge::execution
