// Reading numbers from bytes whose order and alignment somebody else chose.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

// For the few instructions that every message runs through, where a call costs as much again.
#if defined(__GNUC__)
#define ARGUS_INLINE __attribute__((always_inline)) inline
#else
#define ARGUS_INLINE inline
#endif

namespace argus {

using Bytes = std::span<const std::uint8_t>;

template <class T>
[[nodiscard]] constexpr T swap_bytes(T value) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

// The unsigned number of sizeof(T) bytes at `from`, which need not be aligned.
template <class T>
[[nodiscard]] inline T load(const std::uint8_t* from, bool big_endian) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return big_endian == (std::endian::native == std::endian::big) ? value : swap_bytes(value);
}

template <class T>
[[nodiscard]] inline T load_little(const std::uint8_t* from) noexcept {
  return load<T>(from, false);
}

template <class T>
[[nodiscard]] inline T load_big(const std::uint8_t* from) noexcept {
  return load<T>(from, true);
}

}  // namespace argus
