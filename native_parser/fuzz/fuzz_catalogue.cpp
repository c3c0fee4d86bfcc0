// Any items of a catalogue against any payload: they fit and say how far they reach, or leave the
// text as it was. And a DLT recording with a catalogue: it says what messages mean, never where
// they begin and end.
//
// Input: a number of items (below 128), a kind and a size for each, then the payload; or a byte
// from 128 on, then a recording.
#include <array>

#include "argus/catalogue.hpp"
#include "harness.hpp"

namespace {

using argus::Bytes;
using argus::Catalogue;
using argus::CatalogueEntry;
using argus::CatalogueItem;
using argus::ItemKind;

[[nodiscard]] CatalogueItem item(std::uint8_t kind, std::uint8_t size) {
  constexpr std::array<std::uint8_t, 5> sizes{1, 2, 4, 8, 16};
  CatalogueItem made;
  made.kind = static_cast<ItemKind>(kind % 9);
  switch (made.kind) {
    case ItemKind::text:
      made.text = "says";
      return made;
    case ItemKind::string:
    case ItemKind::raw:
      break;
    case ItemKind::floating:
      made.size = sizes[1 + size % 3];
      break;
    default:
      made.size = sizes[size % 5];
  }
  if ((kind & 0x80) != 0) made.text = "name";
  if ((kind & 0x40) != 0) made.unit = "V";
  return made;
}

struct Shown {
  bool fits;
  std::string text;
  std::size_t rest;
};

[[nodiscard]] Shown show(const CatalogueEntry& entry, Bytes payload, bool big_endian) {
  // A copy of exactly its size, so that a sanitizer sees every read beyond it.
  const auto copy = std::make_unique<std::uint8_t[]>(payload.size());
  std::copy(payload.begin(), payload.end(), copy.get());
  const Bytes exact(copy.get(), payload.size());
  constexpr std::string_view before = "before|";
  argus::Buffer text;
  text.append(before);
  Bytes rest;
  const bool fits = argus::render(entry, exact, big_endian, text, rest);
  std::string all(reinterpret_cast<const char*>(text.data()), text.size());
  REQUIRE(all.starts_with(before) && argus::fuzz::is_utf8(all));
  REQUIRE(rest.size() <= exact.size());
  REQUIRE(rest.empty() || rest.data() + rest.size() == exact.data() + exact.size());
  REQUIRE(fits || (all == before && rest.size() == exact.size()));
  return {fits, all.substr(before.size()), rest.size()};
}

void check_items(Bytes input) {
  const std::size_t count = std::min<std::size_t>(input[0] & 0x3F, (input.size() - 1) / 2);
  const bool big_endian = (input[0] & 0x40) != 0;
  CatalogueEntry entry;
  entry.id = 7;
  for (std::size_t i = 0; i < count; ++i) {
    entry.items.push_back(item(input[1 + 2 * i], input[2 + 2 * i]));
  }
  Catalogue catalogue;
  REQUIRE(catalogue.add(entry));
  const CatalogueEntry* kept = catalogue.find(7);
  REQUIRE(kept != nullptr && kept->items == entry.items && catalogue.find(8) == nullptr);

  const Bytes payload = input.subspan(1 + 2 * count);
  const Shown shown = show(*kept, payload, big_endian);
  if (!shown.fits) return;
  // Just so many bytes as it used are enough, and one less is not.
  const Bytes used = payload.first(payload.size() - shown.rest);
  const Shown exact = show(*kept, used, big_endian);
  REQUIRE(exact.fits && exact.text == shown.text && exact.rest == 0);
  REQUIRE(used.empty() || !show(*kept, used.first(used.size() - 1), big_endian).fits);
}

[[nodiscard]] std::shared_ptr<const Catalogue> fixed_catalogue() {
  static const auto made = [] {
    auto catalogue = std::make_shared<Catalogue>();
    CatalogueEntry entry;
    for (const std::uint32_t id : {0u, 42u, 43u, 1042u}) {
      entry.id = id;
      entry.name = {"frame"};
      entry.app = {id == 42 ? "APP1" : ""};
      entry.items = {item(0, 0), item(0x83, 1), item(7, 0), item(8, 0)};
      entry.items.resize(id % 5);
      catalogue->add(entry);
    }
    return catalogue;
  }();
  return made;
}

void check_recording(Bytes recording) {
  using argus::fuzz::Outcome;
  const Outcome known = argus::fuzz::parse(recording, {nullptr, fixed_catalogue(), nullptr});
  const Outcome unknown = argus::fuzz::parse(recording, {});
  argus::fuzz::check_accounts(known, recording.size());
  REQUIRE(known.format == unknown.format && known.rows == unknown.rows);
  REQUIRE(known.decoded == unknown.decoded && known.faults.size() == unknown.faults.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes input(data, size);
  if (data[0] < 0x80) {
    check_items(input);
  } else {
    check_recording(input.subspan(1));
  }
  return 0;
}
