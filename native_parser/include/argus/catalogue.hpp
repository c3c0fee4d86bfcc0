// The message catalogue (FIBEX): what a non-verbose DLT message, which carries only its number and
// bare values, says. Source: AUTOSAR PRS Log and Trace Protocol, ASAM FIBEX 3 and 4.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "argus/buffer.hpp"
#include "argus/bytes.hpp"

namespace argus {

enum class ItemKind : std::uint8_t {
  text,              // not in the payload: the catalogue has it
  boolean,           // `size` bytes; 0 is false
  signed_integer,    // `size` bytes
  unsigned_integer,  // `size` bytes
  hexadecimal,       // `size` bytes, shown as 0x…
  binary,            // `size` bytes, shown as 0b… in groups of four
  floating,          // `size` bytes: 2, 4 or 8
  string,            // u16 length, then so many bytes of ASCII or UTF-8
  raw,               // u16 length, then so many bytes, shown as hex
};

struct CatalogueItem {
  ItemKind kind = ItemKind::text;
  std::uint8_t size = 0;
  std::string_view text;  // the text itself, or the value's name, which may be empty
  std::string_view unit;  // of a value; may be empty

  [[nodiscard]] bool operator==(const CatalogueItem& other) const = default;
};

// A text of a catalogue, and the key that stands for it in a dictionary column: one key a text, and
// none that four bytes of a header could be. Empty where the catalogue does not say.
struct CatalogueText {
  std::string_view text;
  std::uint64_t key = 0;

  [[nodiscard]] bool operator==(const CatalogueText& other) const noexcept {
    return text == other.text;
  }
};

struct CatalogueEntry {
  std::uint32_t id = 0;
  CatalogueText name;
  CatalogueText app;
  CatalogueText context;
  std::optional<std::uint8_t> type;     // as in an extended header: 0 log … 3 control
  std::optional<std::uint8_t> subtype;  // as in an extended header: of a log 1 fatal … 6 verbose
  CatalogueText source_file;
  std::optional<std::uint32_t> source_line;
  std::vector<CatalogueItem> items;

  [[nodiscard]] bool operator==(const CatalogueEntry& other) const = default;
};

// Built by `add` and `merge`; safe to read by any number of threads once that is over. Entries stay
// where they are as long as the catalogue lives.
class Catalogue {
 public:
  // Entries of one id that differ in application or context: more are no catalogue's.
  static constexpr std::size_t most_variants = 256;

  Catalogue() = default;
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  // Takes the entry over, its texts made harmless. False where an entry of the same id, application
  // and context, but with other content, is there already: the earlier one stays. Throws
  // std::invalid_argument where an item has a size that its kind cannot have.
  bool add(const CatalogueEntry& entry);

  // Takes over what is still free, and returns id and name of the entries left out by `add`.
  std::vector<std::pair<std::uint32_t, std::string>> merge(const Catalogue& other);

  // The entry of a message. Application and context, empty where the message has none, choose among
  // several entries of the id: the one that agrees in most, and none that says otherwise. A message
  // without them gets the first.
  [[nodiscard]] const CatalogueEntry* find(std::uint32_t id, std::string_view app = {},
                                           std::string_view context = {}) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

 private:
  struct Node {
    CatalogueEntry entry;
    Node* next = nullptr;  // of the same id
  };

  [[nodiscard]] Node* first(std::uint32_t id) const noexcept;
  void place(Node* node) noexcept;
  void grow();
  [[nodiscard]] CatalogueText keep(std::string_view text);

  std::deque<Node> nodes_;
  std::vector<Node*> slots_;  // a hash table of the first node of each id
  std::size_t ids_ = 0;
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, std::uint64_t> keys_;
};

// Append the items to `text`, one space between two, with numbers as `dlt::render_arguments` writes
// them; a value with a name reads `name: value unit`. `payload` is what follows the message id.
// False, with `text` as it was, where the payload is shorter than the items need. `rest` is what
// the items leave over, then the whole payload.
[[nodiscard]] bool render(const CatalogueEntry& entry, Bytes payload, bool big_endian, Buffer& text,
                          Bytes& rest);

}  // namespace argus
