// Words, numbers and marks of an .odvd text, each with its line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "argus/odvd.hpp"

namespace argus::odvd {

struct Token {
  enum class Kind : std::uint8_t { word, number, character, text, mark, end };
  Kind kind = Kind::end;
  std::string text;  // of a character or text: its content
  int line = 1;
  int column = 1;
};

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view source);

  // Throws SpecificationError for a comment or text without an end, or a stray character.
  [[nodiscard]] Token next();

  [[noreturn]] void fail(const Token& at, std::string_view found, std::string_view expected) const;

 private:
  void advance() noexcept;
  void skip_blanks();
  [[nodiscard]] Token quoted(char quote, Token token);
  [[nodiscard]] bool starts_with(std::string_view text) const noexcept {
    return rest_.substr(0, text.size()) == text;
  }

  std::string_view rest_;
  std::string source_;
  int line_ = 1;
  int column_ = 1;
};

// How a token is named in an error.
[[nodiscard]] std::string describe(const Token& token);

}  // namespace argus::odvd
