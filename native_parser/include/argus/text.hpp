// Text appended to a buffer: always valid UTF-8, never a control character that could do harm.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "argus/buffer.hpp"
#include "argus/bytes.hpp"

namespace argus {

// Appends bytes from a stranger as text. Tab, line feed and carriage return stay; other C0 control
// characters and DEL become their pictures (U+2400..U+2421), C1 controls and bytes that are not
// UTF-8 become U+FFFD, one for each maximal ill-formed part (Unicode 15, 3.9, U+FFFD substitution).
void append_safe_text(Buffer& out, Bytes raw);

// The same as a string, for names and ids.
[[nodiscard]] std::string safe_text(Bytes raw);

// Lower-case hex digits; `separator` goes between two bytes unless it is 0.
void append_hex(Buffer& out, Bytes raw, char separator = 0);

template <class T>
void append_integer(Buffer& out, T value) {
  static_assert(std::is_integral_v<T>);
  auto* at = reinterpret_cast<char*>(out.room(24));
  const auto end = std::to_chars(at, at + 24, value).ptr;
  out.advance(static_cast<std::size_t>(end - at));
}

// Shortest digits that read back as the same value; NaN, inf and -inf by these names.
void append_float(Buffer& out, float value);
void append_float(Buffer& out, double value);

void append_integer128(Buffer& out, unsigned __int128 magnitude, bool negative);

// IEEE 754 binary16, as the float of the same value.
[[nodiscard]] float half_to_float(std::uint16_t half) noexcept;

// Nanoseconds since 1970 UTC as 2025-10-09T08:53:20.014263000Z. Keeps the last second's text, since
// neighbouring rows mostly share it.
class TimestampWriter {
 public:
  void append(Buffer& out, std::int64_t nanoseconds);

 private:
  std::int64_t second_ = INT64_MIN;
  char text_[32] = {};
  std::size_t length_ = 0;
};

}  // namespace argus
