#include "argus/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "chunk.hpp"

namespace argus {
namespace {

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

// One character that is not plain printable ASCII: puts it at `to`, takes it from the front.
std::uint8_t* put_special(std::uint8_t* to, Bytes& raw) noexcept {
  const std::uint8_t first = raw[0];
  std::size_t length = 1;
  if (first < 0x80) {
    if (first == '\t' || first == '\n' || first == '\r' || (first >= 0x20 && first != 0x7F)) {
      *to++ = first;
    } else {
      const std::uint8_t picture = first == 0x7F ? 0x21 : first;
      *to++ = 0xE2;
      *to++ = 0x90;
      *to++ = static_cast<std::uint8_t>(0x80 + picture);
    }
  } else {
    const Sequence sequence = next_sequence(raw);
    const bool c1_control = sequence.length == 2 && first == 0xC2 && raw[1] < 0xA0;
    length = sequence.length;
    if (sequence.valid && !c1_control) {
      for (std::size_t i = 0; i < length; ++i) *to++ = raw[i];
    } else {
      std::memcpy(to, replacement.data(), replacement.size());
      to += replacement.size();
    }
  }
  raw = raw.subspan(length);
  return to;
}

// Whether all bytes are printable ASCII (0x20..0x7E). The classic "has a byte less than n" may
// report false positives only above a true one, which is no harm here.
[[nodiscard]] inline bool all_printable(std::uint64_t word) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101ull;
  constexpr std::uint64_t highs = 0x8080808080808080ull;
  const std::uint64_t below_space = (word - ones * 0x20) & ~word;
  const std::uint64_t delete_zeroed = word ^ (ones * 0x7f);
  const std::uint64_t is_delete = (delete_zeroed - ones) & ~delete_zeroed;
  return ((word | below_space | is_delete) & highs) == 0;
}

// Copies `count` bytes as two words, which overlap unless there are two words of them.
template <class Word>
[[nodiscard]] bool copy_two_words(std::uint8_t* to, const std::uint8_t* from,
                                  std::size_t count) noexcept {
  Word first;
  Word last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + count - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + count - sizeof last, &last, sizeof last);
  if constexpr (sizeof(Word) == 8) return all_printable(first) && all_printable(last);
  return all_printable(first | std::uint64_t{last} << 32);
}

// Copies printable ASCII from the front; returns how many bytes there were before anything else.
[[nodiscard]] std::size_t copy_printable(std::uint8_t* to, Bytes raw) noexcept {
  const std::uint8_t* from = raw.data();
  const std::size_t count = raw.size();
  std::size_t done = 0;
  if (count >= chunk_size) {
    while (done < count) {
      // The last chunk overlaps the one before it, so that there is no rest.
      done = std::min(done, count - chunk_size);
      const Chunk chunk = Chunk::load(from + done);
      chunk.store(to + done);
      const std::uint32_t marks = chunk.unprintable().bits();
      if (marks != 0) return done + static_cast<std::size_t>(std::countr_zero(marks));
      done += chunk_size;
    }
    return done;
  }
  if (count >= 8 && copy_two_words<std::uint64_t>(to, from, count)) return count;
  if (count >= 4 && count < 8 && copy_two_words<std::uint32_t>(to, from, count)) return count;
  while (done < count && from[done] >= 0x20 && from[done] < 0x7F) {
    to[done] = from[done];
    ++done;
  }
  return done;
}

constexpr auto powers_of_five = [] {
  std::array<std::uint64_t, 20> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 5;
  return powers;
}();

template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = std::uint32_t;
  using Product = std::uint64_t;  // holds a mantissa times any power of five that is asked for
};
template <>
struct Format<double> {
  using Bits = std::uint64_t;
  using Product = unsigned __int128;
};

// A positive number that is no integer: mantissa * 2^-shift, shift > 0.
template <class T>
struct Fraction {
  explicit Fraction(T value) noexcept {
    constexpr int stored = std::numeric_limits<T>::digits - 1;
    constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
    using Bits = typename Format<T>::Bits;
    const auto bits = std::bit_cast<Bits>(value);
    mantissa = (bits & ((Bits{1} << stored) - 1)) | Bits{1} << stored;
    shift = bias + stored - static_cast<int>(bits >> stored);
  }

  // The number times 10^decimals, rounded to an integer (half to even), goes to `rounded`. True
  // when that is nearer to the number than half the distance to its neighbours, so that it reads
  // back as the number. Everything here is exact. It cannot be just as far: that would take
  // 5^decimals * (2 * mantissa +- 1) to be even. The neighbour below a power of two is nearer than
  // this says, but powers from 2^-8 on have too few digits for others to be as near.
  [[nodiscard]] bool rounds(int decimals, std::uint64_t& rounded) const noexcept {
    const std::uint64_t five = powers_of_five[static_cast<std::size_t>(decimals)];
    const auto product = static_cast<typename Format<T>::Product>(mantissa) * five;
    const int below = shift - decimals;  // bits of the product below its point
    rounded = static_cast<std::uint64_t>(product >> below);
    const auto rest = static_cast<std::uint64_t>(product) & ((std::uint64_t{1} << below) - 1);
    const std::uint64_t doubled = rest << 1;
    const std::uint64_t unit = std::uint64_t{1} << below;
    const bool up = doubled > unit || (doubled == unit && (rounded & 1) != 0);
    rounded += up;
    return (up ? 2 * unit - doubled : doubled) < five;
  }

  // So many decimals always do: 10^-most is no more than the distance to the neighbours.
  [[nodiscard]] int most_decimals() const noexcept {
    return std::min(shift, (shift * 1233 >> 12) + 1);  // log10(2) = 0.30103 = 1233.02 / 4096
  }

  std::uint64_t mantissa;
  int shift;
};

// The number times 10^decimals, where so few digits tell it that no others can: decimal numbers of
// up to `digits10` digits all read back as different values, so the one that reads back as this
// value is the shortest once the zeros at its end are gone. Divided like that, it does read back:
// both numbers are exact, and division rounds as reading does.
template <class T>
[[nodiscard]] bool few_digits(T magnitude, int decimals, std::uint64_t& number) noexcept {
  constexpr int most = std::numeric_limits<T>::digits10;
  if (decimals > most) return false;
  const T scale = static_cast<T>(powers_of_ten[static_cast<std::size_t>(decimals)]);
  const T scaled = magnitude * scale + T(0.5);
  if (!(scaled < static_cast<T>(powers_of_ten[most]))) return false;
  number = static_cast<std::uint64_t>(scaled);
  return static_cast<T>(number) / scale == magnitude;
}

// A positive number that is no integer, with the least number of decimals that still tells it from
// its neighbours.
template <class T>
char* put_fraction(char* at, T magnitude, std::uint64_t whole, int& decimals) noexcept {
  int count = std::max(decimals, 1);
  std::uint64_t number;
  if (few_digits(magnitude, count, number)) {
    while (number % 10 == 0) {
      number /= 10;
      --count;
    }
    decimals -= decimals > count + 1 ? 1 : 0;
  } else {
    const Fraction<T> fraction(magnitude);
    count = std::min(count, fraction.most_decimals());
    if (fraction.rounds(count, number)) {
      std::uint64_t shorter;
      for (; count > 1 && fraction.rounds(count - 1, shorter); --count) number = shorter;
    } else {
      while (!fraction.rounds(++count, number)) {
      }
    }
    decimals = count;
  }
  at = put_unsigned(at, whole);
  *at++ = '.';
  // The rounded number is still beyond `whole`, as the exact one is by at least one neighbour.
  return put_digits(at, number - whole * powers_of_ten[static_cast<std::size_t>(count)], count);
}

template <class T>
char* put_shortest(char* at, T value, int& decimals) noexcept {
  // From here on numbers are never shorter with an exponent; std::to_chars knows about the others.
  constexpr T least = T(0x1p-8);
  constexpr T beyond = T(std::uint64_t{1} << std::numeric_limits<T>::digits);
  const T magnitude = std::abs(value);
  if (magnitude < beyond) {
    const auto whole = static_cast<std::uint64_t>(magnitude);
    const bool is_integer = static_cast<T>(whole) == magnitude;
    // Five zeros at the end are longer than an exponent.
    if (is_integer ? whole < 100'000 || whole % 100'000 != 0 : magnitude >= least) {
      *at = '-';
      at += std::signbit(value);
      return is_integer ? put_unsigned(at, whole) : put_fraction(at, magnitude, whole, decimals);
    }
  } else if (std::isnan(value)) {
    std::memcpy(at, "NaN", 3);
    return at + 3;
  }
  return std::to_chars(at, at + digits_room, value).ptr;
}

template <class T>
void append_float_as(Buffer& out, T value) {
  int decimals = 3;
  auto* at = reinterpret_cast<char*>(out.room(digits_room));
  out.advance(static_cast<std::size_t>(put_float(at, value, decimals) - at));
}

}  // namespace

void append_safe_text(Buffer& out, Bytes raw) {
  // At most three bytes for one.
  std::uint8_t* const start = out.room(raw.size() * 3);
  std::uint8_t* to = start;
  while (!raw.empty()) {
    const std::size_t printable = copy_printable(to, raw);
    to += printable;
    raw = raw.subspan(printable);
    if (!raw.empty()) to = put_special(to, raw);
  }
  out.advance(static_cast<std::size_t>(to - start));
}

std::string safe_text(Bytes raw) {
  Buffer out;
  append_safe_text(out, raw);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

void append_hex(Buffer& out, Bytes raw, char separator) {
  auto* const start = reinterpret_cast<char*>(out.room(hex_room(raw.size()) + raw.size()));
  char* to = start;
  if (separator == 0) {
    to = put_hex(to, raw, raw.data() + raw.size());
  } else {
    for (const std::uint8_t& byte : raw) {
      if (to != start) *to++ = separator;
      to = put_hex(to, {&byte, 1}, &byte + 1);
    }
  }
  out.advance(static_cast<std::size_t>(to - start));
}

char* put_hex(char* at, Bytes raw, const std::uint8_t* readable) noexcept {
  static constexpr char digits[] = "0123456789abcdef";
  const std::uint8_t* from = raw.data();
  const std::uint8_t* const end = from + raw.size();
  char* const end_at = at + 2 * raw.size();
  for (; from < end && readable - from >= std::ptrdiff_t{chunk_size}; from += chunk_size) {
    at = Chunk::load(from).put_hex(at);
  }
  for (; from < end; ++from) {
    *at++ = digits[*from >> 4];
    *at++ = digits[*from & 15];
  }
  return end_at;
}

char* put_float(char* at, float value, int& decimals) noexcept {
  return put_shortest(at, value, decimals);
}
char* put_float(char* at, double value, int& decimals) noexcept {
  return put_shortest(at, value, decimals);
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

void TimestampWriter::set_second(std::int64_t nanoseconds) noexcept {
  constexpr std::int64_t day_seconds = 86400;
  const auto divide = [](std::int64_t number, std::int64_t by) {
    return number / by - (number % by < 0 ? 1 : 0);
  };
  const std::int64_t second = divide(nanoseconds, billion);
  begin_ = static_cast<std::uint64_t>(second) * billion;
  const auto set = [this](std::size_t at, std::int64_t number) {
    std::memcpy(text_ + at, &triples[static_cast<std::size_t>(number)].digits[1], 2);
  };
  if (second < day_ || second - day_ >= day_seconds) {
    const std::int64_t day = divide(second, day_seconds);
    day_ = day * day_seconds;
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
    set(0, year / 100);
    set(2, year % 100);
    set(5, month);
    set(8, day_of_month);
  }
  const auto clock = static_cast<std::uint32_t>(second - day_);
  const std::uint32_t minutes = clock / 60;
  set(11, minutes / 60);
  set(14, minutes % 60);
  set(17, clock % 60);
}

}  // namespace argus
