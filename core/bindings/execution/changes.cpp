#include "wire/changes.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "execution/venue.hpp"
#include "model/numbers.hpp"
#include "model/order_change.hpp"

// Many orders cancelled or changed in one call.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::Venue;

namespace {

nb::object real(const std::optional<Price>& price) {
  return price ? nb::object(nb::float_(to_double(price->mantissa, kPlaces))) : nb::none();
}

OrderChange make_change(nb::handle order_id, nb::handle quantity, nb::handle price, nb::handle stop_price) {
  OrderChange change;
  change.order_id = to_text(order_id, "order_id");
  if (!quantity.is_none()) change.quantity = to_quantity(quantity);
  if (!price.is_none()) change.price = to_price(price);
  if (!stop_price.is_none()) change.stop_price = to_price(stop_price, "stop_price");
  return change;
}

std::vector<std::string> ids_of(nb::handle given) {
  std::vector<std::string> ids;
  for (const nb::handle id : nb::iter(given)) ids.emplace_back(to_text(id, "order_id"));
  return ids;
}

nb::list cancel_orders(BoundExecutionEngine& self, nb::handle given) {
  const std::vector<std::string> ids = ids_of(given);
  const std::int64_t now = self.now();
  std::vector<bool> cancelled(ids.size());
  without_gil([&] {
    self.engine.in_pieces(0, ids.size(), [&](Venue& venue, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) cancelled[i] = venue.cancel(ids[i], now);
    });
  });
  nb::list results;
  for (const bool each : cancelled) results.append(each);
  return results;
}

struct ModifyResult {
  bool modified = false;
  std::optional<Reason> error;
  std::string message;
};

ModifyResult modify_one(Venue& venue, const OrderChange& change, std::int64_t now) {
  try {
    return {venue.modify(change.order_id, {change.quantity, change.price, change.stop_price}, now), std::nullopt, {}};
  } catch (const InvalidArgument& error) {
    return {false, error.reason(), error.what()};
  }
}

nb::list modify_orders(BoundExecutionEngine& self, nb::handle given) {
  std::vector<OrderChange> changes;
  for (const nb::handle item : nb::iter(given)) {
    if (!nb::isinstance<OrderChange>(item))
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, std::string("modify_orders takes OrderChanges, not ") +
                                                           nb::type_name(item.type()).c_str());
    changes.push_back(nb::cast<const OrderChange&>(item));
  }
  const std::int64_t now = self.now();
  std::vector<ModifyResult> found(changes.size());
  without_gil([&] {
    self.engine.in_pieces(0, changes.size(), [&](Venue& venue, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) found[i] = modify_one(venue, changes[i], now);
    });
  });
  const nb::module_ errors = nb::module_::import_("alphaforge_core.errors");
  nb::list results;
  const ModifyResult* first = nullptr;
  std::size_t failed = 0;
  for (const ModifyResult& each : found) {
    if (!each.error) {
      results.append(each.modified);
      continue;
    }
    ++failed;
    if (first == nullptr) first = &each;
    results.append(errors.attr("InvalidArgument")(to_str(each.message), "reason"_a = to_str(name_of(*each.error))));
  }
  if (first == nullptr) return results;
  const std::string message = std::to_string(failed) + " of " + std::to_string(found.size()) +
                              " changes are malformed; the first: " + first->message;
  const nb::object type = errors.attr("BatchError");
  PyErr_SetObject(type.ptr(), type(to_str(message), "results"_a = results).ptr());
  throw nb::python_error();
}

// The request of ModifyOrders.
struct ModifyRequest {
  std::vector<wire::ReceivedChange> changes;
};

ModifyRequest modify_request_of_wire(const nb::bytes& message) {
  const std::string_view bytes(message.c_str(), message.size());
  return without_gil_if(message.size() >= kShortBytes,
                        [bytes] { return ModifyRequest{wire::decode_modify_orders(bytes)}; });
}

nb::bytes modify_request(ServiceExecutionEngine& self, const ModifyRequest& request) {
  const std::int64_t now = self.now();
  const std::string response = without_gil([&] {
    std::string out;
    self.engine.in_pieces(0, request.changes.size(), [&](Venue& venue, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const wire::ReceivedChange& each = request.changes[i];
        const ModifyResult result =
            each.error ? ModifyResult{false, each.error, each.error_message} : modify_one(venue, each.item, now);
        if (result.error)
          wire::append_modify_answer(out, each.item.order_id, *result.error, result.message);
        else
          wire::append_modify_answer(out, each.item.order_id, result.modified);
      }
    });
    return out;
  });
  return nb::bytes(response.data(), response.size());
}

nb::bytes encode_modify_orders(nb::handle given) {
  std::string request;
  for (const nb::handle item : nb::iter(given)) wire::append_change(request, nb::cast<const OrderChange&>(item));
  return nb::bytes(request.data(), request.size());
}

std::string repr_change(const OrderChange& change) {
  std::string text = "OrderChange('" + change.order_id + "'";
  if (change.quantity) text += ", quantity='" + to_string(*change.quantity) + "'";
  if (change.price) text += ", price='" + to_string(*change.price) + "'";
  if (change.stop_price) text += ", stop_price='" + to_string(*change.stop_price) + "'";
  return text + ")";
}

}  // namespace

void bind_order_change(nb::module_ m) {
  nb::class_<OrderChange> type(m, "OrderChange", nb::is_final(),
                               "A change of an order, for modify_orders(). Immutable; None changes nothing.");
  type.def(
          "__init__",
          [](OrderChange* self, nb::handle order_id, nb::handle quantity, nb::handle price, nb::handle stop_price) {
            new (self) OrderChange(make_change(order_id, quantity, price, stop_price));
          },
          "order_id"_a, nb::kw_only(), "quantity"_a = nb::none(), "price"_a = nb::none(), "stop_price"_a = nb::none(),
          nb::sig("def __init__(self, order_id: str, *, quantity: alphaforge_core.model.Quantity | int | str | float | "
                  "decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | "
                  "decimal.Decimal | None = None, stop_price: alphaforge_core.model.Price | int | str | float | "
                  "decimal.Decimal | None = None) -> None"),
          "`quantity` is the new total.")
      .def_prop_ro(
          "order_id", [](const OrderChange& self) { return to_str(self.order_id); }, "The order.")
      .def_prop_ro(
          "quantity",
          [](const OrderChange& self) {
            return self.quantity ? nb::object(nb::float_(to_double(self.quantity->mantissa, kPlaces))) : nb::none();
          },
          nb::sig("def quantity(self) -> float | None"), "Its new total quantity.")
      .def_prop_ro(
          "price", [](const OrderChange& self) { return real(self.price); }, nb::sig("def price(self) -> float | None"),
          "Its new limit.")
      .def_prop_ro(
          "stop_price", [](const OrderChange& self) { return real(self.stop_price); },
          nb::sig("def stop_price(self) -> float | None"), "Its new stop price.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const OrderChange& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.order_id)); })
      .def("__repr__", &repr_change);
}

void bind_changes(nb::class_<BoundExecutionEngine>& type) {
  type.def("cancel_orders", &cancel_orders, "order_ids"_a,
           nb::sig("def cancel_orders(self, order_ids: collections.abc.Iterable[str]) -> list[bool]"),
           "Cancels the orders in turn. Returns the result of cancel_order() for each, in the same order. Runs without "
           "the "
           "GIL.")
      .def("modify_orders", &modify_orders, "changes"_a,
           nb::sig("def modify_orders(self, changes: collections.abc.Iterable[OrderChange]) -> list[bool]"),
           "Changes the orders in turn. Returns the result of modify_order() for each, in the same order. Runs without "
           "the "
           "GIL.\n\n"
           "If a change is malformed, makes the others and raises BatchError (a ValueError) with `.results`.");
}

void bind_changes_wire(nb::module_ m, nb::class_<ServiceExecutionEngine, BoundExecutionEngine>& type) {
  nb::class_<ModifyRequest>(m, "ModifyRequest", nb::is_final(), "The request of ModifyOrders.")
      .def_static("from_wire", &modify_request_of_wire, "message"_a,
                  "Decodes the request; ignores engine, epoch and request id.\n\n"
                  "Raises InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED beyond 100,000 changes.");
  type.def("modify_request", &modify_request, "request"_a,
           nb::sig("def modify_request(self, request: ModifyRequest) -> bytes"),
           "Executes a request without the GIL and returns the bytes of its ModifyOrdersResponse.");
  m.def("encode_modify_orders", &encode_modify_orders, "changes"_a,
        nb::sig("def encode_modify_orders(changes: collections.abc.Iterable[alphaforge_core.execution.OrderChange]) -> "
                "bytes"),
        "The changes as the fields of a ModifyOrdersRequest.");
}

}  // namespace alphaforge::bindings
