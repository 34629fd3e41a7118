#include "model/account.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.hpp"
#include "bindings/bindings.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "execution/venue.hpp"
#include "model/numbers.hpp"
#include "wire/accounts.hpp"

// The accounts of strategies.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::Venue;

namespace {

nb::object amount(Value value) { return to_decimal(value.mantissa, kValuePlaces); }
nb::object optional_amount(const std::optional<Value>& value) { return value ? amount(*value) : nb::none(); }

// One attribute, by its name.
struct Attribute {
  const char* name;
  const char* signature;
  const char* help;
  nb::object (*get)(const Account&);
};

constexpr Attribute kAttributes[] = {
    {"strategy_id", "def strategy_id(self) -> str", "The strategy.",
     [](const Account& self) -> nb::object { return to_str(self.strategy_id); }},
    {"starting_cash", "def starting_cash(self) -> decimal.Decimal", "The engine's setting; 0 without it.",
     [](const Account& self) { return amount(self.starting_cash); }},
    {"cash", "def cash(self) -> decimal.Decimal", "Starting cash plus realized profit, less commissions.",
     [](const Account& self) { return amount(self.cash); }},
    {"equity", "def equity(self) -> decimal.Decimal", "Cash plus unrealized profit at the last ticks.",
     [](const Account& self) { return amount(self.equity); }},
    {"exposure", "def exposure(self) -> decimal.Decimal", "The value of its positions, long and short added up.",
     [](const Account& self) { return amount(self.exposure); }},
    {"net_exposure", "def net_exposure(self) -> decimal.Decimal", "The value of its positions, short ones subtracted.",
     [](const Account& self) { return amount(self.net_exposure); }},
    {"drawdown", "def drawdown(self) -> decimal.Decimal | None",
     "How far equity is below its highest value; None if the engine keeps no accounts.",
     [](const Account& self) { return optional_amount(self.drawdown); }},
    {"max_drawdown", "def max_drawdown(self) -> decimal.Decimal | None",
     "The greatest drawdown; None if the engine keeps no accounts.",
     [](const Account& self) { return optional_amount(self.max_drawdown); }},
    {"is_halted", "def is_halted(self) -> bool", "True if max_loss halted the strategy.",
     [](const Account& self) -> nb::object { return nb::bool_(self.is_halted); }},
};

nb::dict account_as_dict(const Account& self) {
  nb::dict out;
  for (const Attribute& attribute : kAttributes) out[attribute.name] = attribute.get(self);
  return out;
}

std::vector<Account> get_accounts(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle limit,
                                  nb::handle after) {
  const auto only = optional_text(strategy_id, "strategy_id");
  const std::size_t most = limit_of(limit);
  const std::string last = optional_text(after, "after").value_or("");
  return without_gil(self.engine, [&](const Venue& venue) { return venue.accounts(only, last, most); });
}

bool resume_strategy(BoundExecutionEngine& self, nb::handle strategy_id) {
  const std::string_view id = to_text(strategy_id, "strategy_id");
  return with_gil(self.engine, [&](Venue& venue) { return venue.resume_strategy(id); });
}

}  // namespace

void bind_account(nb::module_ m) {
  nb::class_<Account> type(m, "Account", nb::is_final(),
                           "The account of a strategy: cash, equity, exposure and drawdown (rule 3.30). Immutable; "
                           "numbers are exact Decimals.");
  for (const Attribute& attribute : kAttributes) {
    const auto get = attribute.get;
    type.def_prop_ro(
        attribute.name, [get](const Account& self) { return get(self); }, nb::sig(attribute.signature), attribute.help);
  }
  type.def("as_dict", &account_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name, numbers as exact Decimals.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const Account& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.strategy_id)); })
      .def("__repr__", [](const Account& self) {
        return "<Account " + self.strategy_id + ": equity " + to_string(self.equity) +
               (self.is_halted ? ", halted>" : ">");
      });
  bind_wire(type, "Account", &wire::encode_account, &wire::decode_account);
}

void bind_accounts(nb::class_<BoundExecutionEngine>& type) {
  type.def("get_accounts", &get_accounts, "strategy_id"_a = nb::none(), nb::kw_only(), "limit"_a = nb::none(),
           "after"_a = nb::none(),
           nb::sig("def get_accounts(self, strategy_id: str | None = None, *, limit: int | None = None, after: str | "
                   "None = None) -> list[Account]"),
           "The accounts of the strategies that have submitted orders, by id, at most `limit`; `after` is the last id "
           "of the previous page.")
      .def("resume_strategy", &resume_strategy, "strategy_id"_a,
           nb::sig("def resume_strategy(self, strategy_id: str) -> bool"),
           "Accepts new orders of a strategy that max_loss halted; its losses count from now on. False if it was not "
           "halted.");
}

}  // namespace alphaforge::bindings
