// Decimal digits, three at a time out of a table.
//
// The functions write at `at`, where there must be room for `digits_room` bytes, and return the end
// of what counts. Bytes behind it may be overwritten.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace argus {

inline constexpr std::size_t digits_room = 32;
inline constexpr std::uint32_t thousand = 1'000;
inline constexpr std::uint32_t million = 1'000'000;
inline constexpr std::uint32_t billion = 1'000'000'000;

// The three digits of a number below 1000, and how many of them lead with zero.
struct Triple {
  char digits[3];
  char zeros;
};

inline constexpr auto triples = [] {
  std::array<Triple, 1000> all{};
  for (int i = 0; i < 1000; ++i) {
    all[static_cast<std::size_t>(i)] = {{static_cast<char>('0' + i / 100),
                                         static_cast<char>('0' + i / 10 % 10),
                                         static_cast<char>('0' + i % 10)},
                                        static_cast<char>(i < 10 ? 2 : i < 100 ? 1 : 0)};
  }
  return all;
}();

inline constexpr auto powers_of_ten = [] {
  std::array<std::uint64_t, 20> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// Three digits of a number below 1000, leading zeros as well.
inline char* put_three(char* at, std::uint32_t number) noexcept {
  std::memcpy(at, &triples[number], sizeof(Triple));
  return at + 3;
}

// Nine digits of a number below 10^9, leading zeros as well.
inline char* put_nine(char* at, std::uint32_t number) noexcept {
  const std::uint32_t thousands = number / thousand;
  const std::uint32_t millions = number / million;
  at = put_three(at, millions);
  at = put_three(at, thousands - millions * thousand);
  return put_three(at, number - thousands * thousand);
}

// A number below 1000 without leading zeros.
inline char* put_first(char* at, std::uint32_t number) noexcept {
  const Triple& triple = triples[number];
  std::uint32_t word;
  std::memcpy(&word, &triple, sizeof word);
  if constexpr (std::endian::native == std::endian::little) {
    word >>= 8 * triple.zeros;
  } else {
    word <<= 8 * triple.zeros;
  }
  std::memcpy(at, &word, sizeof word);
  return at + 3 - triple.zeros;
}

inline char* put_unsigned(char* at, std::uint64_t number) noexcept {
  if (number < thousand) return put_first(at, static_cast<std::uint32_t>(number));
  if (number >= billion) {
    const std::uint64_t upper = number / billion;
    at = put_unsigned(at, upper);
    return put_nine(at, static_cast<std::uint32_t>(number - upper * billion));
  }
  const auto lower = static_cast<std::uint32_t>(number);
  const std::uint32_t thousands = lower / thousand;
  if (thousands < thousand) {
    at = put_first(at, thousands);
  } else {
    const std::uint32_t millions = lower / million;
    at = put_first(at, millions);
    at = put_three(at, thousands - millions * thousand);
  }
  return put_three(at, lower - thousands * thousand);
}

template <class T>
char* put_integer(char* at, T number) noexcept {
  static_assert(std::is_integral_v<T>);
  using Unsigned = std::make_unsigned_t<T>;
  auto magnitude = static_cast<Unsigned>(number);
  if constexpr (std::is_signed_v<T>) {
    *at = '-';
    at += number < 0;
    magnitude = static_cast<Unsigned>(number < 0 ? Unsigned{0} - magnitude : magnitude);
  }
  return put_unsigned(at, magnitude);
}

// Exactly `count` digits (1 to 19) of a number below 10^count.
inline char* put_digits(char* at, std::uint64_t number, int count) noexcept {
  if (count <= 9) {
    number *= powers_of_ten[static_cast<std::size_t>(9 - count)];
    put_nine(at, static_cast<std::uint32_t>(number));
    return at + count;
  }
  if (count == 19) {
    constexpr std::uint64_t unit = powers_of_ten[18];
    *at++ = static_cast<char>('0' + number / unit);
    number %= unit;
    count = 18;
  }
  number *= powers_of_ten[static_cast<std::size_t>(18 - count)];
  const std::uint64_t upper = number / billion;
  put_nine(at, static_cast<std::uint32_t>(upper));
  put_nine(at + 9, static_cast<std::uint32_t>(number - upper * billion));
  return at + count;
}

// The shortest digits that read back as the same value, exactly as std::to_chars writes them.
// `decimals` is a guess of how many follow the point, and becomes how many did: neighbouring
// values mostly have as many.
[[nodiscard]] char* put_float(char* at, float value, int& decimals) noexcept;
[[nodiscard]] char* put_float(char* at, double value, int& decimals) noexcept;

}  // namespace argus
