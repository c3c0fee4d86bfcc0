// Sixteen bytes looked at together: SSE2 where there is any, else two words of eight bytes.
#pragma once

#include <cstdint>
#include <cstring>

#include "argus/bytes.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace argus {

inline constexpr std::size_t chunk_size = 16;

#if defined(__SSE2__)

class Chunk {
 public:
  [[nodiscard]] static Chunk load(const void* from) noexcept {
    return Chunk(_mm_loadu_si128(static_cast<const __m128i*>(from)));
  }
  void store(void* to) const noexcept { _mm_storeu_si128(static_cast<__m128i*>(to), bytes_); }
  [[nodiscard]] static Chunk filled(std::uint8_t byte) noexcept {
    return Chunk(_mm_set1_epi8(static_cast<char>(byte)));
  }
  // Marks of bytes: combine them with |, then ask `bits` (byte 0 is bit 0).
  [[nodiscard]] Chunk same(Chunk other) const noexcept {
    return Chunk(_mm_cmpeq_epi8(bytes_, other.bytes_));
  }
  // Bytes that are not printable ASCII (0x20..0x7E).
  [[nodiscard]] Chunk unprintable() const noexcept {
    // Signed: bytes from 0x80 on are below the space as well.
    return Chunk(_mm_cmplt_epi8(bytes_, _mm_set1_epi8(0x20))) | same(filled(0x7F));
  }
  [[nodiscard]] friend Chunk operator|(Chunk a, Chunk b) noexcept {
    return Chunk(_mm_or_si128(a.bytes_, b.bytes_));
  }
  [[nodiscard]] std::uint32_t bits() const noexcept {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes_));
  }
  // Two lower-case hex digits a byte.
  char* put_hex(char* at) const noexcept {
    const __m128i nibble = _mm_set1_epi8(15);
    const __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes_, 4), nibble);
    const __m128i lower = _mm_and_si128(bytes_, nibble);
    const auto digits = [](__m128i numbers) {
      const __m128i letters = _mm_cmpgt_epi8(numbers, _mm_set1_epi8(9));
      const __m128i step = _mm_and_si128(letters, _mm_set1_epi8('a' - '0' - 10));
      return Chunk(_mm_add_epi8(_mm_add_epi8(numbers, _mm_set1_epi8('0')), step));
    };
    digits(_mm_unpacklo_epi8(upper, lower)).store(at);
    digits(_mm_unpackhi_epi8(upper, lower)).store(at + chunk_size);
    return at + 2 * chunk_size;
  }

 private:
  explicit Chunk(__m128i bytes) noexcept : bytes_(bytes) {}
  __m128i bytes_;
};

#else

class Chunk {
 public:
  [[nodiscard]] static Chunk load(const void* from) noexcept {
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    return {load_little<std::uint64_t>(bytes), load_little<std::uint64_t>(bytes + 8)};
  }
  void store(void* to) const noexcept {
    const bool big = std::endian::native == std::endian::big;
    const std::uint64_t words[2] = {big ? swap_bytes(low_) : low_, big ? swap_bytes(high_) : high_};
    std::memcpy(to, words, sizeof words);
  }
  [[nodiscard]] static Chunk filled(std::uint8_t byte) noexcept {
    return {ones * byte, ones * byte};
  }
  // Marks of bytes: combine them with |, then ask `bits` (byte 0 is bit 0).
  [[nodiscard]] Chunk same(Chunk other) const noexcept {
    return {zero_bytes(low_ ^ other.low_), zero_bytes(high_ ^ other.high_)};
  }
  // Bytes that are not printable ASCII (0x20..0x7E).
  [[nodiscard]] Chunk unprintable() const noexcept {
    return Chunk{below_space(low_), below_space(high_)} | same(filled(0x7F));
  }
  [[nodiscard]] friend Chunk operator|(Chunk a, Chunk b) noexcept {
    return {a.low_ | b.low_, a.high_ | b.high_};
  }
  [[nodiscard]] std::uint32_t bits() const noexcept {
    return top_bits(low_) | top_bits(high_) << 8;
  }
  // Two lower-case hex digits a byte.
  char* put_hex(char* at) const noexcept {
    static constexpr char digits[] = "0123456789abcdef";
    for (const std::uint64_t word : {low_, high_}) {
      for (int shift = 0; shift < 64; shift += 8) {
        *at++ = digits[(word >> shift >> 4) & 15];
        *at++ = digits[(word >> shift) & 15];
      }
    }
    return at;
  }

 private:
  static constexpr std::uint64_t ones = 0x0101010101010101ull;
  static constexpr std::uint64_t highs = 0x8080808080808080ull;

  Chunk(std::uint64_t low, std::uint64_t high) noexcept : low_(low), high_(high) {}

  // The top bit of each byte that is zero. No carry leaves a byte, so that none is marked wrongly.
  [[nodiscard]] static std::uint64_t zero_bytes(std::uint64_t word) noexcept {
    return ~(((word & ~highs) + ~highs) | word) & highs;
  }
  [[nodiscard]] static std::uint64_t below_space(std::uint64_t word) noexcept {
    return (~((word & ~highs) + ones * 0x60) | word) & highs;
  }
  [[nodiscard]] static std::uint32_t top_bits(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(((word & highs) >> 7) * 0x0102040810204080ull >> 56);
  }

  std::uint64_t low_;
  std::uint64_t high_;
};

#endif

}  // namespace argus
