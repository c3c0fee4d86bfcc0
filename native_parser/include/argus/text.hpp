// Text appended to a buffer: always valid UTF-8, never a control character that could do harm.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "argus/buffer.hpp"
#include "argus/bytes.hpp"
#include "argus/decimal.hpp"

namespace argus {

// Appends bytes from a stranger as text. Tab, line feed and carriage return stay; other C0 control
// characters and DEL become their pictures (U+2400..U+2421), C1 controls and bytes that are not
// UTF-8 become U+FFFD, one for each maximal ill-formed part (Unicode 15, 3.9, U+FFFD substitution).
void append_safe_text(Buffer& out, Bytes raw);

// The same as a string, for names and ids.
[[nodiscard]] std::string safe_text(Bytes raw);

// Lower-case hex digits; `separator` goes between two bytes unless it is 0.
void append_hex(Buffer& out, Bytes raw, char separator = 0);
// The same without separator, where there is room for so many bytes. Bytes before `readable` may be
// read. Returns the digits' end.
[[nodiscard]] constexpr std::size_t hex_room(std::size_t size) noexcept { return 2 * size + 32; }
char* put_hex(char* at, Bytes raw, const std::uint8_t* readable) noexcept;

template <class T>
void append_integer(Buffer& out, T value) {
  auto* at = reinterpret_cast<char*>(out.room(digits_room));
  out.advance(static_cast<std::size_t>(put_integer(at, value) - at));
}

// Shortest digits that read back as the same value; NaN, inf and -inf by these names.
void append_float(Buffer& out, float value);
void append_float(Buffer& out, double value);

void append_integer128(Buffer& out, unsigned __int128 magnitude, bool negative);

// IEEE 754 binary16, as the float of the same value.
[[nodiscard]] float half_to_float(std::uint16_t half) noexcept;

// Nanoseconds since 1970 UTC as 2025-10-09T08:53:20.014263000Z. Keeps the last second's text, since
// neighbouring values mostly share it.
class TimestampWriter {
 public:
  static constexpr std::size_t size = 30;

  void append(Buffer& out, std::int64_t nanoseconds) {
    put(reinterpret_cast<char*>(out.room(digits_room)), nanoseconds);
    out.advance(size);
  }
  // Writes `size` bytes where there is room for `digits_room`.
  char* put(char* at, std::int64_t nanoseconds) noexcept {
    // Unsigned: the first second that 64 bits can tell begins before what they can tell.
    std::uint64_t fraction = static_cast<std::uint64_t>(nanoseconds) - begin_;
    if (fraction >= billion) [[unlikely]] {
      set_second(nanoseconds);
      fraction = static_cast<std::uint64_t>(nanoseconds) - begin_;
    }
    std::memcpy(at, text_, sizeof text_);
    *put_nine(at + sizeof text_, static_cast<std::uint32_t>(fraction)) = 'Z';
    return at + size;
  }
  // A time whose second is known already.
  [[nodiscard]] std::int64_t known() const noexcept { return static_cast<std::int64_t>(begin_); }

 private:
  void set_second(std::int64_t nanoseconds) noexcept;

  std::uint64_t begin_ = 0;  // of the second, in nanoseconds
  std::int64_t day_ = 0;     // its first second
  char text_[20] = {'1', '9', '7', '0', '-', '0', '1', '-', '0', '1',
                    'T', '0', '0', ':', '0', '0', ':', '0', '0', '.'};
};

}  // namespace argus
