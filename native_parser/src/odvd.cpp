#include "argus/odvd.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>

#include "odvd_lexer.hpp"

namespace argus {
namespace {

using odvd::Lexer;
using odvd::Token;

// Names become parts of file names and keys, which have limits of their own.
constexpr std::size_t longest_name = 128;
// A recording could repeat an empty message in a few bytes each, and pay with a row each time.
constexpr std::size_t most_columns = 1024;
constexpr std::size_t longest_default = 1024;
// Each level has a field at least, so that the columns bound the depth as well.
constexpr int deepest_nesting = most_columns;

[[nodiscard]] std::optional<Kind> scalar_kind(std::string_view name) {
  static const std::unordered_map<std::string_view, Kind> kinds = {
      {"bool", Kind::boolean},  {"char", Kind::character}, {"int8", Kind::int8},
      {"uint8", Kind::uint8},   {"int16", Kind::int16},    {"uint16", Kind::uint16},
      {"int32", Kind::int32},   {"uint32", Kind::uint32},  {"int64", Kind::int64},
      {"uint64", Kind::uint64}, {"float", Kind::float32},  {"double", Kind::float64},
      {"string", Kind::text},   {"bytes", Kind::bytes},
  };
  const auto found = kinds.find(name);
  if (found == kinds.end()) return {};
  return found->second;
}

struct Range {
  std::int64_t low;
  std::uint64_t high;
};

[[nodiscard]] Range range(Kind kind) noexcept {
  switch (kind) {
    case Kind::int8:
      return {INT8_MIN, INT8_MAX};
    case Kind::int16:
      return {INT16_MIN, INT16_MAX};
    case Kind::int32:
      return {INT32_MIN, INT32_MAX};
    case Kind::int64:
      return {INT64_MIN, INT64_MAX};
    case Kind::boolean:
      return {0, 1};
    case Kind::uint8:
    case Kind::character:
      return {0, UINT8_MAX};
    case Kind::uint16:
      return {0, UINT16_MAX};
    case Kind::uint32:
      return {0, UINT32_MAX};
    default:
      return {0, UINT64_MAX};
  }
}

// Sign and magnitude of a decimal or 0x… integer.
struct Integer {
  bool negative;
  std::uint64_t magnitude;
};

[[nodiscard]] std::optional<Integer> read_integer(std::string_view text) {
  Integer value{};
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    value.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value.magnitude, base);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

[[nodiscard]] std::optional<double> read_float(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  if (!text.empty() && (text.back() == 'f' || text.back() == 'F')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

[[nodiscard]] std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

class Reader {
 public:
  Reader(std::string_view text, std::string_view source) : lexer_(text, source) { step(); }

  [[nodiscard]] std::map<std::int32_t, std::shared_ptr<const MessageSpecification>> read();

 private:
  struct Draft {
    MessageSpecification message;
    Token at;
    std::vector<std::pair<std::size_t, Token>> nested;  // field, and the name that it refers to
    enum class State : std::uint8_t { untouched, open, done } state = State::untouched;
    std::shared_ptr<const MessageSpecification> resolved;
    std::size_t columns = 0;
  };

  void step() { token_ = lexer_.next(); }
  [[noreturn]] void fail(std::string_view expected) const {
    lexer_.fail(token_, odvd::describe(token_), expected);
  }
  [[nodiscard]] bool is_mark(std::string_view mark) const {
    return token_.kind == Token::Kind::mark && token_.text == mark;
  }
  [[nodiscard]] bool is_word(std::string_view word) const {
    return token_.kind == Token::Kind::word && token_.text == word;
  }
  void expect_mark(std::string_view mark) {
    if (!is_mark(mark)) fail(quoted(mark));
    step();
  }
  void expect_word(std::string_view word) {
    if (!is_word(word)) fail(quoted(word));
    step();
  }
  [[nodiscard]] Token name(std::string_view expected, bool dotted);
  [[nodiscard]] std::uint64_t integer(std::string_view expected, const Range& allowed);
  void package();
  void message();
  [[nodiscard]] FieldSpecification field(Draft& draft);
  void attributes(FieldSpecification& field);
  void default_value(FieldSpecification& field);
  [[nodiscard]] std::shared_ptr<const MessageSpecification> resolve(std::size_t index,
                                                                    std::string path, int level);

  Lexer lexer_;
  Token token_;
  std::vector<Draft> drafts_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::set<std::int32_t> ids_;
};

Token Reader::name(std::string_view expected, bool dotted) {
  if (token_.kind != Token::Kind::word) fail(expected);
  const std::string& text = token_.text;
  const bool bad_dots = text.back() == '.' || text.find("..") != std::string::npos;
  if (bad_dots || (!dotted && text.find('.') != std::string::npos)) fail(expected);
  if (text.size() > longest_name) {
    lexer_.fail(token_, "a name of " + std::to_string(text.size()) + " characters",
                "at most " + std::to_string(longest_name));
  }
  Token taken = token_;
  step();
  return taken;
}

// An integer inside `allowed`, as the bits of 64-bit two's complement.
std::uint64_t Reader::integer(std::string_view expected, const Range& allowed) {
  if (token_.kind != Token::Kind::number) fail(expected);
  const auto value = read_integer(token_.text);
  if (!value) fail(expected);
  const std::uint64_t lowest = std::uint64_t{0} - static_cast<std::uint64_t>(allowed.low);
  if (value->negative ? value->magnitude > lowest : value->magnitude > allowed.high) {
    fail(std::string(expected) + " from " + std::to_string(allowed.low) + " to " +
         std::to_string(allowed.high));
  }
  step();
  return value->negative ? std::uint64_t{0} - value->magnitude : value->magnitude;
}

void Reader::package() {
  step();
  static_cast<void>(name("the name of the package", true));
  expect_mark(";");
}

void Reader::message() {
  expect_word("message");
  Draft draft;
  draft.at = name("the name of the message", true);
  draft.message.name = draft.at.text;
  expect_mark("[");
  expect_word("id");
  expect_mark("=");
  const Token id_at = token_;
  const auto id = integer("a message id", {INT32_MIN, INT32_MAX});
  draft.message.id = static_cast<std::int32_t>(static_cast<std::int64_t>(id));
  if (!ids_.insert(draft.message.id).second) {
    lexer_.fail(id_at, "message id " + id_at.text + " a second time", "every message id once");
  }
  if (!by_name_.try_emplace(draft.message.name, drafts_.size()).second) {
    lexer_.fail(draft.at, "message " + quoted(draft.message.name) + " a second time",
                "every message name once");
  }
  expect_mark("]");
  expect_mark("{");
  std::set<std::uint32_t> ids;
  std::set<std::string> names;
  while (!is_mark("}")) {
    const Token at = token_;
    draft.message.fields.push_back(field(draft));
    const FieldSpecification& made = draft.message.fields.back();
    if (!ids.insert(made.id).second) {
      lexer_.fail(at, "field id " + std::to_string(made.id) + " a second time",
                  "every field id once in a message");
    }
    if (!names.insert(made.name).second) {
      lexer_.fail(at, "field " + quoted(made.name) + " a second time",
                  "every field name once in a message");
    }
  }
  step();
  drafts_.push_back(std::move(draft));
}

FieldSpecification Reader::field(Draft& draft) {
  FieldSpecification made;
  const Token type = name("the type of a field, or '}'", true);
  const auto kind = scalar_kind(type.text);
  made.kind = kind.value_or(Kind::message);
  if (!kind) draft.nested.emplace_back(draft.message.fields.size(), type);
  made.name = name("the name of the field", false).text;
  attributes(made);
  expect_mark(";");
  return made;
}

void Reader::attributes(FieldSpecification& field) {
  bool has_id = false;
  bool has_default = false;
  const Token start = token_;
  expect_mark("[");
  do {
    if (has_id || has_default) step();  // the comma
    if (is_word("id") && !has_id) {
      step();
      expect_mark("=");
      // Field numbers of protobuf's wire format have 29 bits.
      field.id = static_cast<std::uint32_t>(integer("a field id", {0, (1u << 29) - 1}));
      if (field.id == 0) lexer_.fail(start, "field id 0", "a field id from 1 on");
      has_id = true;
    } else if (is_word("default") && !has_default) {
      step();
      expect_mark("=");
      default_value(field);
      has_default = true;
    } else {
      fail(has_id ? "'default'" : has_default ? "'id'" : "'id' or 'default'");
    }
  } while (is_mark(","));
  if (!has_id) lexer_.fail(start, "a field without an id", "[id = N]");
  expect_mark("]");
}

void Reader::default_value(FieldSpecification& field) {
  switch (field.kind) {
    case Kind::message:
      fail("no default, since the field is a message");
    case Kind::text:
    case Kind::bytes:
      if (token_.kind != Token::Kind::text || token_.text.size() > longest_default) {
        fail("a \"text\" of at most " + std::to_string(longest_default) + " bytes");
      }
      field.default_text = token_.text;
      return step();
    case Kind::character:
      if (token_.kind == Token::Kind::character) {
        if (token_.text.size() != 1) fail("one ASCII character in ' '");
        field.default_bits = static_cast<std::uint8_t>(token_.text[0]);
        return step();
      }
      field.default_bits = integer("a 'c' character or its number", range(field.kind));
      return;
    case Kind::boolean:
      if (is_word("true") || is_word("false")) {
        field.default_bits = token_.text == "true" ? 1 : 0;
        return step();
      }
      field.default_bits = integer("true or false", range(field.kind));
      return;
    case Kind::float32:
    case Kind::float64: {
      const auto value =
          token_.kind == Token::Kind::number ? read_float(token_.text) : std::optional<double>{};
      if (!value) fail("a number");
      field.default_bits = field.kind == Kind::float64
                               ? std::bit_cast<std::uint64_t>(*value)
                               : std::bit_cast<std::uint32_t>(static_cast<float>(*value));
      return step();
    }
    default:
      field.default_bits = integer("an integer", range(field.kind));
  }
}

std::shared_ptr<const MessageSpecification> Reader::resolve(std::size_t index, std::string path,
                                                            int level) {
  Draft& draft = drafts_[index];
  if (draft.state == Draft::State::done) return draft.resolved;
  path += (path.empty() ? "" : " -> ") + draft.message.name;
  if (draft.state == Draft::State::open) {
    lexer_.fail(draft.at, "a message that contains itself: " + path, "messages that end somewhere");
  }
  if (level > deepest_nesting) {
    lexer_.fail(draft.at, "a message nested " + std::to_string(level) + " levels deep",
                "at most " + std::to_string(deepest_nesting) + " levels");
  }
  draft.state = Draft::State::open;
  draft.columns = draft.message.fields.size();
  for (const auto& [field, type] : draft.nested) {
    const auto found = by_name_.find(type.text);
    if (found == by_name_.end()) {
      lexer_.fail(type, "the unknown type " + quoted(type.text),
                  "a scalar type or a message of this file");
    }
    draft.message.fields[field].message = resolve(found->second, path, level + 1);
    const Draft& inner = drafts_[found->second];
    draft.columns += inner.columns;
    if (draft.columns > most_columns) {
      lexer_.fail(draft.at, "a message of " + std::to_string(draft.columns) + " columns",
                  "at most " + std::to_string(most_columns));
    }
  }
  draft.state = Draft::State::done;
  draft.resolved = std::make_shared<const MessageSpecification>(draft.message);
  return draft.resolved;
}

std::map<std::int32_t, std::shared_ptr<const MessageSpecification>> Reader::read() {
  if (is_word("package")) package();
  while (token_.kind != Token::Kind::end) {
    if (!is_word("message")) fail(drafts_.empty() ? "'package' or 'message'" : "'message'");
    message();
  }
  std::map<std::int32_t, std::shared_ptr<const MessageSpecification>> messages;
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    messages.emplace(drafts_[i].message.id, resolve(i, {}, 1));
  }
  return messages;
}

}  // namespace

bool FieldSpecification::operator==(const FieldSpecification& other) const {
  if (name != other.name || kind != other.kind || id != other.id ||
      default_bits != other.default_bits || default_text != other.default_text) {
    return false;
  }
  return kind != Kind::message || *message == *other.message;
}

Specification Specification::parse(std::string_view text, std::string_view source) {
  Specification made;
  made.messages_ = Reader(text, source).read();
  return made;
}

std::vector<std::pair<std::int32_t, std::string>> Specification::merge(const Specification& other) {
  std::set<std::string_view> names;
  for (const auto& [id, message] : messages_) names.insert(message->name);
  std::vector<std::pair<std::int32_t, std::string>> refused;
  std::map<std::int32_t, std::shared_ptr<const MessageSpecification>> taken;
  for (const auto& [id, message] : other.messages_) {
    const auto own = messages_.find(id);
    if (own == messages_.end() && !names.contains(message->name)) {
      taken.emplace(id, message);
    } else if (own == messages_.end() || *own->second != *message) {
      refused.emplace_back(id, message->name);
    }
  }
  messages_.merge(taken);
  return refused;
}

const MessageSpecification* Specification::find(std::int32_t id) const {
  const auto found = messages_.find(id);
  return found == messages_.end() ? nullptr : found->second.get();
}

}  // namespace argus
