#include "odvd_lexer.hpp"

#include <algorithm>

#include "argus/text.hpp"

namespace argus::odvd {
namespace {

constexpr std::size_t longest_shown = 40;

[[nodiscard]] bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
[[nodiscard]] bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

[[nodiscard]] std::string shown(std::string_view text) {
  return safe_text(
      {reinterpret_cast<const std::uint8_t*>(text.data()), std::min(text.size(), longest_shown)});
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::end:
      return "the end of the file";
    case Token::Kind::character:
      return "the character '" + shown(token.text) + "'";
    case Token::Kind::text:
      return "the text \"" + shown(token.text) + "\"";
    default:
      return "'" + shown(token.text) + "'";
  }
}

Lexer::Lexer(std::string_view text, std::string_view source) : rest_(text), source_(source) {
  if (starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
}

void Lexer::fail(const Token& at, std::string_view found, std::string_view expected) const {
  throw SpecificationError(source_ + ":" + std::to_string(at.line) + ":" +
                           std::to_string(at.column) + ": found " + std::string(found) +
                           ", expected " + std::string(expected));
}

void Lexer::advance() noexcept {
  if (rest_.front() == '\n') {
    ++line_;
    column_ = 1;
  } else if ((static_cast<unsigned char>(rest_.front()) & 0xC0) != 0x80) {
    ++column_;  // columns count characters, not the bytes of UTF-8
  }
  rest_.remove_prefix(1);
}

void Lexer::skip_blanks() {
  while (!rest_.empty()) {
    if (is_blank(rest_.front())) {
      advance();
    } else if (starts_with("//")) {
      while (!rest_.empty() && rest_.front() != '\n') advance();
    } else if (starts_with("/*")) {
      const Token start{Token::Kind::mark, "/*", line_, column_};
      while (!rest_.empty() && !starts_with("*/")) advance();
      if (rest_.empty()) fail(start, "a comment without an end", "*/");
      advance();
      advance();
    } else {
      return;
    }
  }
}

Token Lexer::quoted(char quote, Token token) {
  token.kind = quote == '\'' ? Token::Kind::character : Token::Kind::text;
  advance();
  for (;;) {
    if (rest_.empty() || rest_.front() == '\n') {
      fail(token, "a text without an end", std::string("a closing ") + quote);
    }
    if (rest_.front() == quote) break;
    // A backslash only protects a quote or itself; before anything else it stands for itself.
    if (rest_.size() > 1 && rest_.front() == '\\' && (rest_[1] == quote || rest_[1] == '\\')) {
      advance();
    }
    token.text += rest_.front();
    advance();
  }
  advance();
  return token;
}

Token Lexer::next() {
  skip_blanks();
  Token token{Token::Kind::end, "", line_, column_};
  if (rest_.empty()) return token;
  const char first = rest_.front();
  if (first == '"' || first == '\'') return quoted(first, std::move(token));
  const auto take_while = [&](auto belongs) {
    while (!rest_.empty() && belongs(rest_.front())) {
      token.text += rest_.front();
      advance();
    }
  };
  if (is_letter(first)) {
    token.kind = Token::Kind::word;
    take_while([](char c) { return is_letter(c) || is_digit(c) || c == '.'; });
  } else if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    token.kind = Token::Kind::number;
    take_while(
        [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '+'; });
  } else {
    token.kind = Token::Kind::mark;
    do {
      token.text += rest_.front();
      advance();
    } while (!rest_.empty() && (static_cast<unsigned char>(rest_.front()) & 0xC0) == 0x80);
  }
  return token;
}

}  // namespace argus::odvd
