// Recordings put together message by message, small enough to damage every byte of them.
#pragma once

#include <optional>
#include <string_view>

#include "check.hpp"

namespace argus::test {

inline void append(Content& to, std::string_view text) {
  to.insert(to.end(), text.begin(), text.end());
}
inline void append(Content& to, const Content& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// The `size` bytes of a number.
inline void append_number(Content& to, std::uint64_t value, int size, bool big_endian = false) {
  for (int i = 0; i < size; ++i) {
    to.push_back(static_cast<std::uint8_t>(value >> 8 * (big_endian ? size - 1 - i : i)));
  }
}

struct DltMessage {
  Content payload;
  std::optional<std::uint8_t> msin = std::uint8_t{0x41};  // without: no extended header
  std::uint8_t arguments = 1;
  bool big_endian = false;
  bool with_ecu = true;
  bool with_time = true;
  bool with_session = false;
  bool serial = false;  // framing; else storage
  std::string_view app = "UPDM";
  std::string_view context = "INST";
};

[[nodiscard]] inline Content dlt_message(const DltMessage& made, std::uint8_t counter) {
  const unsigned htyp = 0x20u | (made.msin ? 0x01u : 0u) | (made.big_endian ? 0x02u : 0u) |
                        (made.with_ecu ? 0x04u : 0u) | (made.with_session ? 0x08u : 0u) |
                        (made.with_time ? 0x10u : 0u);
  Content rest;
  if (made.with_ecu) append(rest, std::string_view("ECU1"));
  if (made.with_session) append_number(rest, 4711, 4, true);
  if (made.with_time) append_number(rest, 10'210'000u + counter * 37u, 4, true);
  if (made.msin) {
    rest.push_back(*made.msin);
    rest.push_back(made.arguments);
    append(rest, made.app);
    append(rest, made.context);
  }
  append(rest, made.payload);

  Content bytes;
  if (made.serial) {
    append(bytes, std::string_view("DLS\x01"));
  } else {
    append(bytes, std::string_view("DLT\x01"));
    append_number(bytes, 1'762'684'414u + counter / 4, 4);
    append_number(bytes, 746'000u + counter * 1'300u, 4);
    append(bytes, std::string_view("ECU1"));
  }
  append_number(bytes, htyp, 1);
  append_number(bytes, counter, 1);
  append_number(bytes, rest.size() + 4, 2, true);
  append(bytes, rest);
  return bytes;
}

// The same message in version 2, in either of the byte orders that its writers use. Without an
// extended header it is non-verbose, and its payload begins behind the message id.
[[nodiscard]] inline Content dlt_message_version2(const DltMessage& made, std::uint8_t counter,
                                                  bool big_endian) {
  const bool control = made.msin && (*made.msin >> 1 & 7) == 3;
  const bool verbose = made.msin && !control && (*made.msin & 1) != 0;
  const std::uint32_t content = verbose ? 0u : control ? 2u : 1u;
  const std::uint32_t htyp = 0x40u | content | (made.with_ecu ? 0x04u : 0u) |
                             (content != 1 ? 0x08u : 0u) | (made.with_session ? 0x10u : 0u);
  Content rest;
  if (content != 1) {
    rest.push_back(*made.msin);
    rest.push_back(made.arguments);
  }
  if (content != 2) {
    append_number(rest, 746'000u + counter * 1'300u, 4, big_endian);
    append_number(rest, 1'762'684'414u + counter / 4, 5, true);
  }
  if (content == 1) append_number(rest, 1'000u + counter, 4, big_endian);
  const auto append_id = [&rest](std::string_view id) {
    rest.push_back(static_cast<std::uint8_t>(id.size()));
    append(rest, id);
  };
  if (made.with_ecu) append_id("ECU1");
  if (content != 1) {
    append_id(made.app);
    append_id(made.context);
  }
  if (made.with_session) append_number(rest, 4711, 4, big_endian);
  append(rest, made.payload);

  Content bytes;
  if (made.serial) {
    append(bytes, std::string_view("DLS\x02"));
  } else {
    append(bytes, std::string_view("DLT\x02"));
    append_number(bytes, 1'762'684'414u + counter / 4, 5, true);
    append_number(bytes, 746'000u + counter * 1'300u, 4, big_endian);
    bytes.push_back(4);
    append(bytes, std::string_view("ECU1"));
  }
  append_number(bytes, htyp, 4, big_endian);
  append_number(bytes, counter, 1);
  append_number(bytes, rest.size() + 7, 2, big_endian);
  append(bytes, rest);
  return bytes;
}

// One verbose argument: type info, then its data.
inline void append_argument(Content& to, std::uint32_t type, const Content& data,
                            bool big_endian = false) {
  append_number(to, type, 4, big_endian);
  append(to, data);
}
inline void append_text_argument(Content& to, std::string_view text, bool big_endian = false) {
  append_number(to, 0x200, 4, big_endian);
  append_number(to, text.size() + 1, 2, big_endian);
  append(to, text);
  to.push_back(0);
}
[[nodiscard]] inline Content text_argument(std::string_view text, bool big_endian = false) {
  Content payload;
  append_text_argument(payload, text, big_endian);
  return payload;
}

// The wire format of Protocol Buffers.
inline void append_varint(Content& to, std::uint64_t value) {
  for (; value > 0x7F; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void append_varint_field(Content& to, unsigned field, std::uint64_t value) {
  append_varint(to, field << 3);
  append_varint(to, value);
}
inline void append_signed_field(Content& to, unsigned field, std::int64_t value) {
  append_varint_field(
      to, field, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}
inline void append_fixed_field(Content& to, unsigned field, std::uint64_t bits, int size) {
  append_varint(to, field << 3 | (size == 8 ? 1u : 5u));
  append_number(to, bits, size);
}
inline void append_delimited_field(Content& to, unsigned field, std::string_view bytes) {
  append_varint(to, field << 3 | 2u);
  append_varint(to, bytes.size());
  append(to, bytes);
}
inline void append_delimited_field(Content& to, unsigned field, const Content& bytes) {
  append_delimited_field(
      to, field, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

struct RecEnvelope {
  std::int32_t data_type = 0;
  Content payload;
  std::uint32_t sender = 0;
  int times = 3;  // so many of sent, received and sample time
  bool with_payload = true;
};

[[nodiscard]] inline Content rec_envelope(const RecEnvelope& made, int number) {
  Content envelope;
  append_signed_field(envelope, 1, made.data_type);
  if (made.with_payload) append_delimited_field(envelope, 2, made.payload);
  for (int time = 0; time < made.times; ++time) {
    Content stamp;
    append_signed_field(stamp, 1, 1'762'684'414);
    append_signed_field(stamp, 2, 100'000 + number * 1'013 + time);
    append_delimited_field(envelope, static_cast<unsigned>(3 + time), stamp);
  }
  if (made.sender != 0) append_varint_field(envelope, 6, made.sender);
  Content bytes{0x0D, 0xA4};
  append_number(bytes, envelope.size(), 3);
  append(bytes, envelope);
  return bytes;
}

}  // namespace argus::test
