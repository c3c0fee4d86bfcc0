#include "catalogue.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace nb = nanobind;
using namespace nb::literals;

namespace argus::python {
namespace {

// Kind, bits, text or name, unit.
using Item = std::tuple<std::string_view, unsigned, std::string_view, std::string_view>;

constexpr std::array<std::pair<std::string_view, ItemKind>, 9> kinds{{
    {"text", ItemKind::text},
    {"bool", ItemKind::boolean},
    {"sint", ItemKind::signed_integer},
    {"uint", ItemKind::unsigned_integer},
    {"hex", ItemKind::hexadecimal},
    {"bin", ItemKind::binary},
    {"float", ItemKind::floating},
    {"string", ItemKind::string},
    {"raw", ItemKind::raw},
}};

[[nodiscard]] ItemKind kind_of(std::string_view name) {
  for (const auto& [known, kind] : kinds) {
    if (known == name) return kind;
  }
  throw nb::value_error("items: a kind is text, bool, sint, uint, hex, bin, float, string or raw");
}

[[nodiscard]] CatalogueItem to_item(const Item& item) {
  const auto& [kind, bits, text, unit] = item;
  if (bits % 8 != 0 || bits > 128) {
    throw nb::value_error("items: the bits are a multiple of 8 and at most 128");
  }
  return {kind_of(kind), static_cast<std::uint8_t>(bits / 8), text, unit};
}

bool add(Catalogue& self, std::uint32_t message_id, const std::vector<Item>& items,
         std::string_view name, std::string_view app, std::string_view context,
         std::optional<std::uint8_t> type, std::optional<std::uint8_t> subtype,
         std::string_view source_file, std::optional<std::uint32_t> source_line) {
  // What three and four bits of an extended header hold.
  if (type.value_or(0) > 7) throw nb::value_error("type: expected 0 to 7");
  if (subtype.value_or(0) > 15) throw nb::value_error("subtype: expected 0 to 15");
  CatalogueEntry entry;
  entry.id = message_id;
  entry.name.text = name;
  entry.app.text = app;
  entry.context.text = context;
  entry.type = type;
  entry.subtype = subtype;
  entry.source_file.text = source_file;
  entry.source_line = source_line;
  entry.items.reserve(items.size());
  for (const Item& item : items) entry.items.push_back(to_item(item));
  return self.change().add(entry);
}

// An entry, which lives as long as its catalogue.
struct Entry {
  std::shared_ptr<const argus::Catalogue> catalogue;
  const CatalogueEntry* entry;
};

[[nodiscard]] std::optional<Entry> find(const Catalogue& self, std::uint32_t message_id,
                                        std::string_view app, std::string_view context) {
  auto catalogue = self.look();
  const CatalogueEntry* entry = catalogue->find(message_id, app, context);
  if (entry == nullptr) return {};
  return Entry{std::move(catalogue), entry};
}

[[nodiscard]] std::pair<std::string, std::size_t> render_payload(const Entry& self,
                                                                 const nb::bytes& payload,
                                                                 bool big_endian) {
  Buffer text;
  Bytes rest;
  const Bytes bytes{static_cast<const std::uint8_t*>(payload.data()), payload.size()};
  if (!render(*self.entry, bytes, big_endian, text, rest)) {
    throw nb::value_error("the payload is shorter than the items of this message");
  }
  return {std::string(reinterpret_cast<const char*>(text.data()), text.size()), rest.size()};
}

}  // namespace

argus::Catalogue& Catalogue::change() {
  if (shared_) throw std::runtime_error("a parser reads this catalogue: nothing can be added");
  return *catalogue_;
}

void bind_catalogue(nb::module_& m) {
  nb::class_<Entry>(m, "CatalogueEntry")
      .def_prop_ro("message_id", [](const Entry& self) { return self.entry->id; })
      .def_prop_ro("name", [](const Entry& self) { return self.entry->name.text; })
      .def_prop_ro("app", [](const Entry& self) { return self.entry->app.text; })
      .def_prop_ro("context", [](const Entry& self) { return self.entry->context.text; })
      .def_prop_ro("type", [](const Entry& self) { return self.entry->type; })
      .def_prop_ro("subtype", [](const Entry& self) { return self.entry->subtype; })
      .def_prop_ro("source_file", [](const Entry& self) { return self.entry->source_file.text; })
      .def_prop_ro("source_line", [](const Entry& self) { return self.entry->source_line; })
      .def("render", &render_payload, "payload"_a, nb::kw_only(), "big_endian"_a = false);

  nb::class_<Catalogue>(m, "Catalogue")
      .def(nb::init<>())
      .def("add", &add, "message_id"_a, "items"_a, nb::kw_only(), "name"_a = "", "app"_a = "",
           "context"_a = "", "type"_a = nb::none(), "subtype"_a = nb::none(), "source_file"_a = "",
           "source_line"_a = nb::none())
      .def(
          "merge",
          [](Catalogue& self, const Catalogue& other) {
            return self.change().merge(*other.look());
          },
          "other"_a)
      .def("find", &find, "message_id"_a, nb::kw_only(), "app"_a = "", "context"_a = "")
      .def("__len__", [](const Catalogue& self) { return self.look()->size(); });
}

}  // namespace argus::python
