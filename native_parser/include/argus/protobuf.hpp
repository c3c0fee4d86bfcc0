// The wire format of Protocol Buffers, read without allocating.
// Source: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <cstdint>

#include "argus/bytes.hpp"

namespace argus::protobuf {

enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, delimited = 2, fixed32 = 5 };

struct Field {
  std::uint32_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t bits = 0;  // of a varint or fixed value; the length of a delimited one
  Bytes bytes;             // of a delimited value
};

enum class State : std::uint8_t {
  field,    // one was read
  end,      // there is none any more
  torn,     // the bytes end inside one
  invalid,  // this cannot be the wire format
};

// Takes fields off the front of a message that is `size` bytes long, of which `bytes` may hold only
// the beginning: a torn field is an error in a whole message, and not yet one in a beginning.
class Reader {
 public:
  explicit Reader(Bytes bytes) noexcept : Reader(bytes, bytes.size()) {}
  Reader(Bytes bytes, std::size_t size) noexcept : bytes_(bytes), size_(size) {}

  [[nodiscard]] State next(Field& field) noexcept {
    if (at_ == size_) return State::end;
    std::uint64_t tag = 0;
    if (const State state = varint(tag); state != State::field) return state;
    if (tag >> 32 != 0 || tag >> 3 == 0) return State::invalid;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.wire = static_cast<Wire>(tag & 7);
    switch (field.wire) {
      case Wire::varint:
        return varint(field.bits);
      case Wire::fixed64:
        return fixed<std::uint64_t>(field.bits);
      case Wire::fixed32:
        return fixed<std::uint32_t>(field.bits);
      case Wire::delimited:
        if (const State state = varint(field.bits); state != State::field) return state;
        if (field.bits > size_ - at_) return State::invalid;
        if (at_ + field.bits > bytes_.size()) {
          at_ += static_cast<std::size_t>(field.bits);
          return State::torn;
        }
        field.bytes = bytes_.subspan(at_, static_cast<std::size_t>(field.bits));
        at_ += field.bytes.size();
        return State::field;
    }
    return State::invalid;
  }

  // Where the next field begins; after a torn delimited one, where it would end.
  [[nodiscard]] std::size_t position() const noexcept { return at_; }

 private:
  [[nodiscard]] State varint(std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ >= size_) return State::invalid;
      if (at_ >= bytes_.size()) return State::torn;
      const std::uint8_t byte = bytes_[at_++];
      if (shift == 63 && byte > 1) return State::invalid;
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return State::field;
    }
    return State::invalid;
  }
  template <class T>
  [[nodiscard]] State fixed(std::uint64_t& value) noexcept {
    if (size_ - at_ < sizeof(T)) return State::invalid;
    if (at_ + sizeof(T) > bytes_.size()) return State::torn;
    value = load_little<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return State::field;
  }

  Bytes bytes_;
  std::size_t size_;
  std::size_t at_ = 0;
};

[[nodiscard]] constexpr std::int64_t zigzag(std::uint64_t bits) noexcept {
  return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
}

}  // namespace argus::protobuf
