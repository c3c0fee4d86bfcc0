#include "argus/catalogue.hpp"

#include <bit>
#include <stdexcept>

#include "argus/text.hpp"

namespace argus {
namespace {

using Wide = unsigned __int128;

// Keys of headers are four bytes long, so no text of a catalogue shares one with them.
constexpr std::uint64_t first_key = std::uint64_t{1} << 40;
constexpr std::size_t smallest_table = 16;

[[nodiscard]] std::size_t hash(std::uint32_t id) noexcept {
  return static_cast<std::size_t>((id * 0x9E3779B97F4A7C15ull) >> 32);
}

[[nodiscard]] bool has_valid_size(const CatalogueItem& item) noexcept {
  switch (item.kind) {
    case ItemKind::text:
    case ItemKind::string:
    case ItemKind::raw:
      return item.size == 0;
    case ItemKind::floating:
      return item.size == 2 || item.size == 4 || item.size == 8;
    default:
      return item.size <= 16 && std::has_single_bit(item.size);
  }
}

// Numbers and stretches off the front of the payload; once it ran short it stays so.
class Source {
 public:
  Source(Bytes bytes, bool big_endian) noexcept : bytes_(bytes), big_(big_endian) {}

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] Bytes left() const noexcept { return bytes_; }

  [[nodiscard]] Bytes stretch(std::size_t size) noexcept {
    if (!good_ || bytes_.size() < size) {
      good_ = false;
      return {};
    }
    const Bytes taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  // The unsigned number of 1, 2, 4, 8 or 16 bytes.
  [[nodiscard]] Wide number(std::size_t size) noexcept {
    const Bytes bytes = stretch(size);
    if (!good_) return 0;
    switch (size) {
      case 1:
        return bytes[0];
      case 2:
        return load<std::uint16_t>(bytes.data(), big_);
      case 4:
        return load<std::uint32_t>(bytes.data(), big_);
      case 8:
        return load<std::uint64_t>(bytes.data(), big_);
      default: {
        const Wide front = load<std::uint64_t>(bytes.data(), big_);
        const Wide back = load<std::uint64_t>(bytes.data() + 8, big_);
        return big_ ? front << 64 | back : back << 64 | front;
      }
    }
  }
  [[nodiscard]] Bytes counted() noexcept { return stretch(static_cast<std::size_t>(number(2))); }

 private:
  Bytes bytes_;
  bool big_;
  bool good_ = true;
};

// A text's end mark is part of its length; some writers pad with several.
[[nodiscard]] Bytes without_end_marks(Bytes text) noexcept {
  while (!text.empty() && text.back() == 0) text = text.first(text.size() - 1);
  return text;
}

void append_signed(Buffer& out, Wide bits, unsigned width) {
  const unsigned unused = 128 - width;
  const __int128 value = static_cast<__int128>(bits << unused) >> unused;
  if (width <= 64) return append_integer(out, static_cast<std::int64_t>(value));
  const Wide magnitude = value < 0 ? Wide{0} - static_cast<Wide>(value) : static_cast<Wide>(value);
  append_integer128(out, magnitude, value < 0);
}

void append_unsigned(Buffer& out, Wide bits, unsigned width) {
  if (width <= 64) return append_integer(out, static_cast<std::uint64_t>(bits));
  append_integer128(out, bits, false);
}

void append_digits(Buffer& out, Wide bits, unsigned width, bool binary) {
  out.append(binary ? "0b" : "0x");
  const unsigned step = binary ? 1 : 4;
  for (unsigned shift = width; shift > 0; shift -= step) {
    if (binary && shift != width && shift % 4 == 0) out.push(' ');
    const auto digit = static_cast<unsigned>(bits >> (shift - step)) & (binary ? 1u : 15u);
    out.push(static_cast<std::uint8_t>("0123456789abcdef"[digit]));
  }
}

void append_floating(Buffer& out, Wide bits, std::size_t size) {
  switch (size) {
    case 2:
      return append_float(out, half_to_float(static_cast<std::uint16_t>(bits)));
    case 4:
      return append_float(out, std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    default:
      return append_float(out, std::bit_cast<double>(static_cast<std::uint64_t>(bits)));
  }
}

void append_number(Buffer& out, ItemKind kind, Wide bits, std::size_t size) {
  const auto width = static_cast<unsigned>(size * 8);
  switch (kind) {
    case ItemKind::boolean:
      return out.push(bits != 0 ? '1' : '0');
    case ItemKind::signed_integer:
      return append_signed(out, bits, width);
    case ItemKind::floating:
      return append_floating(out, bits, size);
    case ItemKind::hexadecimal:
      return append_digits(out, bits, width, false);
    case ItemKind::binary:
      return append_digits(out, bits, width, true);
    default:
      return append_unsigned(out, bits, width);
  }
}

void append_item(Buffer& out, const CatalogueItem& item, Source& from) {
  if (item.kind == ItemKind::text) return out.append(item.text);
  if (!item.text.empty()) {
    out.append(item.text);
    out.append(": ");
  }
  if (item.kind == ItemKind::string) {
    append_safe_text(out, without_end_marks(from.counted()));
  } else if (item.kind == ItemKind::raw) {
    append_hex(out, from.counted(), '\'');
  } else {
    append_number(out, item.kind, from.number(item.size), item.size);
  }
  if (!item.unit.empty()) {
    out.push(' ');
    out.append(item.unit);
  }
}

// How many of application and context agree; -1 where one says otherwise. What either side does not
// know neither agrees nor disagrees.
[[nodiscard]] int agreement(const CatalogueEntry& entry, std::string_view app,
                            std::string_view context) noexcept {
  int agreed = 0;
  for (const auto& [ours, theirs] :
       {std::pair{entry.app.text, app}, std::pair{entry.context.text, context}}) {
    if (ours.empty() || theirs.empty()) continue;
    if (ours != theirs) return -1;
    ++agreed;
  }
  return agreed;
}

}  // namespace

Catalogue::Node* Catalogue::first(std::uint32_t id) const noexcept {
  if (slots_.empty()) return nullptr;
  for (std::size_t at = hash(id);; ++at) {
    Node* node = slots_[at & (slots_.size() - 1)];
    if (node == nullptr || node->entry.id == id) return node;
  }
}

void Catalogue::place(Node* node) noexcept {
  for (std::size_t at = hash(node->entry.id);; ++at) {
    Node*& slot = slots_[at & (slots_.size() - 1)];
    if (slot != nullptr) continue;
    slot = node;
    return;
  }
}

// Half of the slots stay free, so that a search ends soon.
void Catalogue::grow() {
  if ((ids_ + 1) * 2 <= slots_.size()) return;
  std::vector<Node*> old(slots_.empty() ? smallest_table : slots_.size() * 2);
  old.swap(slots_);
  for (Node* node : old) {
    if (node != nullptr) place(node);
  }
}

CatalogueText Catalogue::keep(std::string_view text) {
  if (text.empty()) return {};
  std::string safe = safe_text({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  if (const auto found = keys_.find(safe); found != keys_.end()) {
    return {found->first, found->second};
  }
  const std::string_view kept = texts_.emplace_back(std::move(safe));
  const std::uint64_t key = first_key + keys_.size();
  keys_.emplace(kept, key);
  return {kept, key};
}

bool Catalogue::add(const CatalogueEntry& entry) {
  for (const CatalogueItem& item : entry.items) {
    if (!has_valid_size(item)) throw std::invalid_argument("an item of a size it cannot have");
  }
  CatalogueEntry kept = entry;
  kept.name = keep(entry.name.text);
  kept.app = keep(entry.app.text);
  kept.context = keep(entry.context.text);
  kept.source_file = keep(entry.source_file.text);
  for (CatalogueItem& item : kept.items) {
    item.text = keep(item.text).text;
    item.unit = keep(item.unit).text;
  }

  Node* last = nullptr;
  std::size_t variants = 0;
  for (Node* node = first(entry.id); node != nullptr; last = node, node = node->next) {
    if (node->entry.app == kept.app && node->entry.context == kept.context) {
      return node->entry == kept;
    }
    if (++variants == most_variants) return false;
  }
  grow();
  Node* node = &nodes_.emplace_back(Node{std::move(kept), nullptr});
  if (last != nullptr) {
    last->next = node;
  } else {
    place(node);
    ++ids_;
  }
  return true;
}

std::vector<std::pair<std::uint32_t, std::string>> Catalogue::merge(const Catalogue& other) {
  std::vector<std::pair<std::uint32_t, std::string>> left_out;
  if (&other == this) return left_out;
  for (const Node& node : other.nodes_) {
    if (!add(node.entry)) left_out.emplace_back(node.entry.id, node.entry.name.text);
  }
  return left_out;
}

const CatalogueEntry* Catalogue::find(std::uint32_t id, std::string_view app,
                                      std::string_view context) const noexcept {
  const Node* node = first(id);
  if (node == nullptr) return nullptr;
  // Ids are unique in an ECU: one entry is the message's, whatever its header says of its sender.
  if (node->next == nullptr) return &node->entry;
  const CatalogueEntry* best = nullptr;
  int most = -1;
  for (; node != nullptr; node = node->next) {
    const int agreed = agreement(node->entry, app, context);
    if (agreed <= most) continue;
    most = agreed;
    best = &node->entry;
  }
  return best;
}

bool render(const CatalogueEntry& entry, Bytes payload, bool big_endian, Buffer& text,
            Bytes& rest) {
  const std::size_t mark = text.size();
  Source from(payload, big_endian);
  bool separate = false;
  for (const CatalogueItem& item : entry.items) {
    if (separate) text.push(' ');
    separate = true;
    append_item(text, item, from);
    if (from.good()) continue;
    text.truncate(mark);
    rest = payload;
    return false;
  }
  rest = from.left();
  return true;
}

}  // namespace argus
