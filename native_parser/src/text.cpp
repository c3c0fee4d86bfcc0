#include "argus/text.hpp"

#include <cmath>
#include <cstring>

namespace argus {
namespace {

constexpr std::uint64_t ones = 0x0101010101010101ull;
constexpr std::uint64_t highs = 0x8080808080808080ull;

// Whether all eight bytes are printable ASCII (0x20..0x7E). The classic "has a byte less than n"
// may report false positives only above a true one, which is no harm here.
[[nodiscard]] inline bool all_printable(std::uint64_t word) noexcept {
  const std::uint64_t below_space = (word - ones * 0x20) & ~word;
  const std::uint64_t delete_zeroed = word ^ (ones * 0x7f);
  const std::uint64_t is_delete = (delete_zeroed - ones) & ~delete_zeroed;
  return ((word | below_space | is_delete) & highs) == 0;
}

constexpr std::string_view replacement = "\xEF\xBF\xBD";

[[nodiscard]] constexpr bool is_continuation(std::uint8_t byte) noexcept {
  return (byte & 0xC0) == 0x80;
}

struct Sequence {
  std::size_t length;  // bytes that belong together
  bool valid;
};

// The well-formed sequence or the maximal ill-formed part at the front (Unicode 15, table 3-7).
[[nodiscard]] Sequence next_sequence(Bytes raw) noexcept {
  const std::uint8_t lead = raw[0];
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  if (raw.size() < 2 || raw[1] < low || raw[1] > high) return {1, false};
  for (std::size_t i = 2; i < length; ++i) {
    if (i >= raw.size() || !is_continuation(raw[i])) return {i, false};
  }
  return {length, true};
}

// One character that is not plain printable ASCII; returns how many bytes it took.
std::size_t append_special(Buffer& out, Bytes raw) {
  const std::uint8_t first = raw[0];
  if (first < 0x80) {
    if (first == '\t' || first == '\n' || first == '\r' || (first >= 0x20 && first != 0x7F)) {
      out.push(first);
    } else {
      const std::uint8_t picture = first == 0x7F ? 0x21 : first;
      const std::uint8_t utf8[] = {0xE2, 0x90, static_cast<std::uint8_t>(0x80 + picture)};
      out.append(utf8, sizeof utf8);
    }
    return 1;
  }
  const Sequence sequence = next_sequence(raw);
  const bool c1_control = sequence.length == 2 && first == 0xC2 && raw[1] < 0xA0;
  if (sequence.valid && !c1_control) {
    out.append(raw.data(), sequence.length);
  } else {
    out.append(replacement);
  }
  return sequence.length;
}

template <class T>
void append_float_as(Buffer& out, T value) {
  if (std::isnan(value)) return out.append("NaN");
  if (std::isinf(value)) return out.append(value < 0 ? "-inf" : "inf");
  auto* at = reinterpret_cast<char*>(out.room(32));
  const auto end = std::to_chars(at, at + 32, value).ptr;
  out.advance(static_cast<std::size_t>(end - at));
}

void put_digits(char* at, std::uint64_t value, int digits) noexcept {
  for (int i = digits - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

void append_safe_text(Buffer& out, Bytes raw) {
  std::size_t at = 0;
  while (at < raw.size()) {
    const std::size_t left = raw.size() - at;
    std::uint8_t* to = out.room(left);
    std::size_t run = 0;
    while (left - run >= 8) {
      std::uint64_t word;
      std::memcpy(&word, raw.data() + at + run, 8);
      if (!all_printable(word)) break;
      std::memcpy(to + run, &word, 8);
      run += 8;
    }
    while (run < left && raw[at + run] >= 0x20 && raw[at + run] < 0x7F) {
      to[run] = raw[at + run];
      ++run;
    }
    out.advance(run);
    at += run;
    if (at < raw.size()) at += append_special(out, raw.subspan(at));
  }
}

std::string safe_text(Bytes raw) {
  Buffer out;
  append_safe_text(out, raw);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

void append_hex(Buffer& out, Bytes raw, char separator) {
  static constexpr char digits[] = "0123456789abcdef";
  std::uint8_t* to = out.room(raw.size() * 3);
  std::uint8_t* const start = to;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (separator != 0 && i != 0) *to++ = static_cast<std::uint8_t>(separator);
    *to++ = static_cast<std::uint8_t>(digits[raw[i] >> 4]);
    *to++ = static_cast<std::uint8_t>(digits[raw[i] & 15]);
  }
  out.advance(static_cast<std::size_t>(to - start));
}

void append_float(Buffer& out, float value) { append_float_as(out, value); }
void append_float(Buffer& out, double value) { append_float_as(out, value); }

void append_integer128(Buffer& out, unsigned __int128 magnitude, bool negative) {
  char digits[40];
  int at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  } while (magnitude != 0);
  if (negative) digits[--at] = '-';
  out.append(digits + at, sizeof digits - static_cast<std::size_t>(at));
}

float half_to_float(std::uint16_t half) noexcept {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  float value;
  if (exponent == 31) {
    value = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

void TimestampWriter::append(Buffer& out, std::int64_t nanoseconds) {
  std::int64_t second = nanoseconds / 1'000'000'000;
  std::int64_t fraction = nanoseconds % 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    --second;
  }
  if (second != second_) {
    second_ = second;
    std::int64_t day = second / 86400;
    std::int64_t clock = second % 86400;
    if (clock < 0) {
      clock += 86400;
      --day;
    }
    // Days to year, month and day by shifting the year's start to March: leap days come last.
    const std::int64_t shifted = day + 719468;
    const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const std::int64_t day_of_era = shifted - era * 146097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const std::int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const std::int64_t day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    // 64-bit nanoseconds reach from 1677 to 2262, so the year always has four digits.
    std::memcpy(text_, "0000-00-00T00:00:00.", 20);
    put_digits(text_, static_cast<std::uint64_t>(year), 4);
    put_digits(text_ + 5, static_cast<std::uint64_t>(month), 2);
    put_digits(text_ + 8, static_cast<std::uint64_t>(day_of_month), 2);
    put_digits(text_ + 11, static_cast<std::uint64_t>(clock / 3600), 2);
    put_digits(text_ + 14, static_cast<std::uint64_t>(clock / 60 % 60), 2);
    put_digits(text_ + 17, static_cast<std::uint64_t>(clock % 60), 2);
    length_ = 20;
  }
  auto* at = reinterpret_cast<char*>(out.room(length_ + 10));
  std::memcpy(at, text_, length_);
  put_digits(at + length_, static_cast<std::uint64_t>(fraction), 9);
  at[length_ + 9] = 'Z';
  out.advance(length_ + 10);
}

}  // namespace argus
