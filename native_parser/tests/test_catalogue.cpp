// The catalogue finds the entry of a message, and its items read the payload and nothing beyond it.
#include "argus/catalogue.hpp"

#include <stdexcept>
#include <utility>

#include "check.hpp"

namespace {

using argus::Buffer;
using argus::Bytes;
using argus::Catalogue;
using argus::CatalogueEntry;
using argus::CatalogueItem;
using argus::ItemKind;
using argus::test::Content;

CatalogueEntry entry(std::uint32_t id, std::string_view app, std::string_view context,
                     std::vector<CatalogueItem> items) {
  CatalogueEntry made;
  made.id = id;
  made.name = {"frame"};
  made.app = {app};
  made.context = {context};
  made.items = std::move(items);
  return made;
}

struct Shown {
  bool fits = false;
  std::string text;
  std::size_t rest = 0;

  bool operator==(const Shown&) const = default;
};

// A copy of its own and of exactly this size, so that a sanitizer sees every read beyond it.
Shown show(std::vector<CatalogueItem> items, const Content& payload, bool big_endian = false) {
  Catalogue catalogue;
  CHECK(catalogue.add(entry(1, "", "", std::move(items))));
  const Content exact(payload);
  Buffer text;
  text.append("before|");
  Bytes rest;
  const bool fits = render(*catalogue.find(1), exact, big_endian, text, rest);
  const std::string all(reinterpret_cast<const char*>(text.data()), text.size());
  CHECK(all.starts_with("before|"));
  return {fits, all.substr(7), rest.size()};
}

CatalogueItem value(ItemKind kind, std::uint8_t size, std::string_view name = {},
                    std::string_view unit = {}) {
  return {kind, size, name, unit};
}

void values_are_shown_as_in_verbose_messages() {
  const auto u = [](std::uint8_t size) { return value(ItemKind::unsigned_integer, size); };
  const auto s = [](std::uint8_t size) { return value(ItemKind::signed_integer, size); };
  CHECK((show({u(1)}, {200}) == Shown{true, "200", 0}));
  CHECK((show({s(1)}, {200}) == Shown{true, "-56", 0}));
  CHECK((show({u(2)}, {1, 2}) == Shown{true, "513", 0}));
  CHECK((show({u(2)}, {1, 2}, true) == Shown{true, "258", 0}));
  CHECK((show({s(4)}, {0xFE, 0xFF, 0xFF, 0xFF}) == Shown{true, "-2", 0}));
  CHECK((show({u(8)}, Content(8, 0xFF)) == Shown{true, "18446744073709551615", 0}));
  CHECK((show({s(16)}, Content(16, 0xFF)) == Shown{true, "-1", 0}));
  CHECK((show({u(16)}, Content(16, 0xFF)).text == "340282366920938463463374607431768211455"));
  Content one(16);
  one[15] = 1;
  CHECK((show({u(16)}, one, true) == Shown{true, "1", 0}));
  CHECK((show({u(16)}, one).text == "1329227995784915872903807060280344576"));

  CHECK((show({value(ItemKind::boolean, 1)}, {7}) == Shown{true, "1", 0}));
  CHECK((show({value(ItemKind::boolean, 2)}, {0, 0}) == Shown{true, "0", 0}));
  CHECK((show({value(ItemKind::hexadecimal, 2)}, {0xAB, 0x0C}) == Shown{true, "0x0cab", 0}));
  CHECK((show({value(ItemKind::binary, 1)}, {0x5A}) == Shown{true, "0b0101 1010", 0}));
  CHECK((show({value(ItemKind::floating, 2)}, {0x00, 0x3C}) == Shown{true, "1", 0}));
  CHECK((show({value(ItemKind::floating, 4)}, {0x3D, 0xCC, 0xCC, 0xCD}, true).text == "0.1"));
  CHECK((show({value(ItemKind::floating, 8)}, {0, 0, 0, 0, 0, 0, 0xF8, 0x7F}).text == "NaN"));
}

void texts_and_names_stand_between_the_values() {
  const auto u8 = value(ItemKind::unsigned_integer, 1);
  CHECK((show({{ItemKind::text, 0, "free:", {}}, u8, {ItemKind::text, 0, "bytes", {}}}, {9}) ==
         Shown{true, "free: 9 bytes", 0}));
  CHECK((show({value(ItemKind::floating, 4, "reading", "Kelvin")}, {0, 0, 0x80, 0x3F}) ==
         Shown{true, "reading: 1 Kelvin", 0}));
  CHECK((show({{ItemKind::text, 0, "a\x1b[31m", {}}}, {}) == Shown{true, "a\xE2\x90\x9B[31m", 0}));
}

void strings_and_raw_data_bring_their_length() {
  const auto string = value(ItemKind::string, 0);
  const auto raw = value(ItemKind::raw, 0);
  CHECK((show({string}, {3, 0, 'a', 'b', 0}) == Shown{true, "ab", 0}));
  CHECK((show({string}, {0, 2, 'a', 'b'}, true) == Shown{true, "ab", 0}));
  CHECK((show({string}, {1, 0, 0xFF}) == Shown{true, "\xEF\xBF\xBD", 0}));
  CHECK((show({raw}, {2, 0, 0xDE, 0xAD}) == Shown{true, "de'ad", 0}));
  CHECK((show({string, raw}, {0, 0, 0, 0}) == Shown{true, " ", 0}));
}

void a_short_payload_leaves_the_text_as_it_was() {
  const auto u32 = value(ItemKind::unsigned_integer, 4);
  const auto string = value(ItemKind::string, 0);
  CHECK((show({u32}, {1, 2, 3}) == Shown{false, "", 3}));
  CHECK((show({u32}, {}) == Shown{false, "", 0}));
  CHECK((show({string}, {1}) == Shown{false, "", 1}));
  CHECK((show({string}, {0xFF, 0xFF, 'a'}) == Shown{false, "", 3}));
  CHECK((show({{ItemKind::text, 0, "x", {}}, string, string}, {1, 0, 'a', 0xFF, 0xFF}) ==
         Shown{false, "", 5}));
  CHECK((show(std::vector<CatalogueItem>(3, value(ItemKind::raw, 0)), Content(5, 0)).fits ==
         false));
}

void what_is_left_over_is_handed_back() {
  CHECK((show({}, {}) == Shown{true, "", 0}));
  CHECK((show({}, {1, 2}) == Shown{true, "", 2}));
  CHECK((show({value(ItemKind::unsigned_integer, 1)}, {1, 2, 3}) == Shown{true, "1", 2}));
}

void no_bytes_make_it_read_outside() {
  const std::vector<CatalogueItem> items{
      value(ItemKind::string, 0),         value(ItemKind::unsigned_integer, 2),
      {ItemKind::text, 0, "and", {}},     value(ItemKind::raw, 0, "raw"),
      value(ItemKind::floating, 8),       value(ItemKind::signed_integer, 16, "n", "V"),
      value(ItemKind::boolean, 4),        value(ItemKind::string, 0)};
  std::uint32_t random = 1;
  for (int round = 0; round < 20'000; ++round) {
    Content payload(static_cast<std::size_t>(round % 90));
    for (std::uint8_t& byte : payload) {
      random = random * 1664525u + 1013904223u;
      // Small numbers, so that lengths often fit.
      byte = static_cast<std::uint8_t>((random >> 24) & ((random & 1) != 0 ? 0x03u : 0xFFu));
    }
    const Shown shown = show(items, payload, (round & 1) != 0);
    CHECK(shown.fits || (shown.text.empty() && shown.rest == payload.size()));
  }
}

void the_header_chooses_among_entries_of_one_id() {
  Catalogue catalogue;
  const auto text = [](std::string_view shown) {
    return std::vector<CatalogueItem>{{ItemKind::text, 0, shown, {}}};
  };
  CHECK(catalogue.add(entry(7, "APP1", "CON1", text("first"))));
  CHECK(catalogue.add(entry(7, "APP1", "CON2", text("second"))));
  CHECK(catalogue.add(entry(7, "APP2", "", text("third"))));
  CHECK(catalogue.add(entry(8, "APP1", "CON1", text("alone"))));
  const auto found = [&catalogue](std::uint32_t id, std::string_view app,
                                  std::string_view context) {
    const CatalogueEntry* at = catalogue.find(id, app, context);
    return at == nullptr ? std::string("none") : std::string(at->items[0].text);
  };
  CHECK(found(7, "", "") == "first");
  CHECK(found(7, "APP1", "CON2") == "second");
  CHECK(found(7, "APP1", "") == "first");
  CHECK(found(7, "APP2", "CON9") == "third");
  CHECK(found(7, "APP3", "CON1") == "none");
  CHECK(found(8, "APP9", "CON9") == "alone");
  CHECK(found(9, "", "") == "none");
  CHECK(Catalogue().find(7) == nullptr);
}

void the_earlier_entry_stays() {
  Catalogue catalogue;
  const std::vector<CatalogueItem> u8{value(ItemKind::unsigned_integer, 1)};
  const std::vector<CatalogueItem> u16{value(ItemKind::unsigned_integer, 2)};
  CHECK(catalogue.add(entry(1, "A", "B", u8)));
  CHECK(catalogue.add(entry(1, "A", "B", u8)));
  CHECK(!catalogue.add(entry(1, "A", "B", u16)));
  CHECK(catalogue.size() == 1);

  Catalogue later;
  CHECK(later.add(entry(1, "A", "B", u16)));
  CHECK(later.add(entry(2, "A", "B", u16)));
  const auto left_out = catalogue.merge(later);
  CHECK((left_out == std::vector<std::pair<std::uint32_t, std::string>>{{1, "frame"}}));
  CHECK(catalogue.size() == 2);
  CHECK(catalogue.find(1)->items[0].size == 1);
  CHECK(catalogue.merge(catalogue).empty());
}

void a_catalogue_may_be_large_and_an_id_has_so_many_entries_at_most() {
  Catalogue catalogue;
  for (std::uint32_t id = 0; id < 50'000; ++id) {
    CHECK(catalogue.add(entry(id * 2654435761u, "APP", "CON", {})));
  }
  CHECK(catalogue.size() == 50'000);
  for (std::uint32_t id = 0; id < 50'000; ++id) {
    const CatalogueEntry* found = catalogue.find(id * 2654435761u);
    CHECK(found != nullptr && found->id == id * 2654435761u);
  }
  Catalogue crowded;
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i) taken += crowded.add(entry(1, std::to_string(i), "", {})) ? 1 : 0;
  CHECK(taken == Catalogue::most_variants);
}

void one_text_has_one_key_and_no_header_shares_it() {
  Catalogue catalogue;
  CHECK(catalogue.add(entry(1, "APP", "APP", {})));
  CHECK(catalogue.add(entry(2, "APP", "CON", {})));
  const CatalogueEntry& first = *catalogue.find(1);
  const CatalogueEntry& second = *catalogue.find(2);
  CHECK(first.app.key == first.context.key);
  CHECK(first.app.key == second.app.key);
  CHECK(second.app.key != second.context.key);
  CHECK(first.app.key > UINT32_MAX);
  CHECK(first.source_file.text.empty());
}

void impossible_sizes_are_refused() {
  const std::vector<CatalogueItem> bad{
      value(ItemKind::floating, 16),        value(ItemKind::floating, 1),
      value(ItemKind::unsigned_integer, 3), value(ItemKind::signed_integer, 0),
      value(ItemKind::boolean, 32),         value(ItemKind::string, 1)};
  for (const CatalogueItem& item : bad) {
    Catalogue catalogue;
    bool refused = false;
    try {
      static_cast<void>(catalogue.add(entry(1, "", "", {item})));
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
    CHECK(catalogue.find(1) == nullptr);
  }
}

}  // namespace

int main() {
  values_are_shown_as_in_verbose_messages();
  texts_and_names_stand_between_the_values();
  strings_and_raw_data_bring_their_length();
  a_short_payload_leaves_the_text_as_it_was();
  what_is_left_over_is_handed_back();
  no_bytes_make_it_read_outside();
  the_header_chooses_among_entries_of_one_id();
  the_earlier_entry_stays();
  a_catalogue_may_be_large_and_an_id_has_so_many_entries_at_most();
  one_text_has_one_key_and_no_header_shares_it();
  impossible_sizes_are_refused();
  return argus::test::result();
}
