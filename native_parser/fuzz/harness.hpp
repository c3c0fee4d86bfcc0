// What every fuzz target checks of the parser's output, whatever bytes went in.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "argus/csv.hpp"
#include "argus/odvd.hpp"
#include "argus/parser.hpp"

namespace argus::fuzz {

// Stops the fuzzer, which then keeps the input.
#define REQUIRE(condition)                                                                \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

// Message types for .rec inputs: scalars of every kind, defaults, and messages inside messages.
// make_seeds.py writes envelopes of these.
[[nodiscard]] inline Knowledge fixed_specification() {
  static const auto made = std::make_shared<const Specification>(Specification::parse(
      "message f.Inner [id = 2] { uint8 a [id = 1]; string b [id = 2]; }"
      "message f.All [id = 1] { bool flag [default = true, id = 1]; char letter [id = 2];"
      " int8 i8 [default = -1, id = 3]; uint8 u8 [id = 4]; int16 i16 [id = 5]; uint16 u16 [id = 6];"
      " int32 i32 [id = 7]; uint32 u32 [id = 8]; int64 i64 [id = 9]; uint64 u64 [id = 10];"
      " float f [id = 11]; double d [id = 12]; string text [default = \"none\", id = 13];"
      " bytes blob [id = 14]; f.Inner inner [id = 2000]; }"
      "message f.Outer [id = 3] { f.Inner one [id = 1]; f.Inner two [id = 2]; }"
      "message f.Empty [id = -4] { }",
      "fuzz"));
  return {made, nullptr, nullptr};
}

struct Outcome {
  std::string format;
  std::vector<BatchPtr> batches;
  std::vector<Fault> faults;
  std::uint64_t rows = 0;
  std::uint64_t decoded = 0;
  std::uint64_t quarantined = 0;
  std::map<std::string, std::uint64_t, std::less<>> undecoded;
};

[[nodiscard]] inline std::string name_of(const Format* format) {
  return format != nullptr ? std::string(format->name) : std::string();
}

// Feeds `bytes` in pieces of these sizes, again and again from the first; in one piece without any.
// Every piece is a copy of its own, so that a sanitizer sees each read beyond it, and what came out
// is taken after each.
[[nodiscard]] inline Outcome parse(Bytes bytes, const Knowledge& knowledge, Bytes sizes = {}) {
  Outcome outcome;
  Parser parser(knowledge);
  const auto take = [&] {
    for (auto& batch : parser.take()) outcome.batches.push_back(std::move(batch));
    for (auto& fault : parser.take_faults()) outcome.faults.push_back(std::move(fault));
  };
  std::size_t piece = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    // Small sizes as they are, for cuts inside headers; from 128 on in steps of 64.
    std::size_t size = bytes.size() - at;
    if (!sizes.empty()) {
      const std::size_t chosen = sizes[piece++ % sizes.size()];
      size = std::min(size, chosen < 128 ? chosen + 1 : (chosen - 126) * 64);
    }
    const auto copy = std::make_unique<std::uint8_t[]>(size);
    std::memcpy(copy.get(), bytes.data() + at, size);
    parser.feed({copy.get(), size});
    at += size;
    take();
  }
  parser.finish();
  take();
  REQUIRE(parser.finished());
  REQUIRE(parser.bytes_in() == bytes.size());
  REQUIRE(parser.fault_count() == outcome.faults.size());
  outcome.format = name_of(parser.format());
  outcome.rows = parser.rows();
  outcome.decoded = parser.decoded_bytes();
  outcome.quarantined = parser.quarantined_bytes();
  outcome.undecoded = parser.undecoded();
  return outcome;
}

template <class T>
[[nodiscard]] T value_at(const Column& column, std::int64_t row) noexcept {
  T value;
  std::memcpy(&value, column.values.data() + static_cast<std::size_t>(row) * sizeof(T), sizeof(T));
  return value;
}

[[nodiscard]] inline bool bit_at(const Buffer& bits, std::int64_t row) noexcept {
  return (bits.data()[row >> 3] >> (row & 7) & 1) != 0;
}

[[nodiscard]] inline bool is_null(const Column& column, std::int64_t row) noexcept {
  return column.null_count > 0 && !bit_at(column.validity, row);
}

// The bytes of a value of a variable column.
[[nodiscard]] inline std::string_view text_at(const Column& column, std::int64_t row) noexcept {
  const auto from = value_at<std::int32_t>(column, row);
  const auto to = value_at<std::int32_t>(column, row + 1);
  if (to == from) return {};
  return {reinterpret_cast<const char*>(column.bytes.data()) + from,
          static_cast<std::size_t>(to - from)};
}

[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    if (first < 0x80) {
      ++at;
      continue;
    }
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || at + size > text.size()) return false;
    const unsigned char second = byte(at + 1);
    const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high) return false;
    for (std::size_t i = 2; i < size; ++i) {
      if (byte(at + i) >> 6 != 2) return false;
    }
    at += size;
  }
  return true;
}

// What a reader of Arrow relies on without looking: buffers that are there, offsets that go up and
// stay inside, indices of texts that exist, UTF-8, and as many nulls as it says.
inline void check_arrow(const ArrowArray& array, const Field& field, const Column& column) {
  const auto length = static_cast<std::size_t>(array.length);
  const auto bit = [&array](int buffer, std::size_t row) {
    return (static_cast<const std::uint8_t*>(array.buffers[buffer])[row / 8] >> row % 8 & 1) != 0;
  };
  std::size_t nulls = 0;
  REQUIRE(array.null_count == 0 || (field.nullable && array.buffers[0] != nullptr));
  for (std::size_t row = 0; array.null_count > 0 && row < length; ++row) nulls += !bit(0, row);
  REQUIRE(nulls == static_cast<std::size_t>(array.null_count));
  REQUIRE(array.buffers[1] != nullptr);
  if (is_variable(field.type)) {
    const auto* offsets = static_cast<const std::int32_t*>(array.buffers[1]);
    const auto* bytes = static_cast<const char*>(array.buffers[2]);
    REQUIRE(bytes != nullptr && offsets[0] == 0);
    for (std::size_t row = 0; row < length; ++row) {
      REQUIRE(offsets[row] <= offsets[row + 1]);
      const auto size = static_cast<std::size_t>(offsets[row + 1] - offsets[row]);
      REQUIRE(field.type != Type::utf8 || is_utf8({bytes + offsets[row], size}));
    }
    REQUIRE(static_cast<std::size_t>(offsets[length]) == column.bytes.size());
  } else if (field.type == Type::dictionary) {
    REQUIRE(array.dictionary != nullptr);
    const std::int64_t texts = array.dictionary->length;
    REQUIRE(static_cast<std::size_t>(texts) == column.dictionary.size());
    for (std::size_t k = 0; k < column.dictionary.size(); ++k) {
      REQUIRE(is_utf8(column.dictionary[k]));
    }
    for (std::size_t row = 0; row < length; ++row) {
      const std::int32_t index = static_cast<const std::int32_t*>(array.buffers[1])[row];
      REQUIRE((nulls > 0 && !bit(0, row)) || (index >= 0 && index < texts));
    }
  } else if (field.type == Type::boolean) {
    for (std::size_t row = 0; row < length; ++row) static_cast<void>(bit(1, row));
  } else {
    // Read all of it, for the sanitizer.
    std::string copy(length * width(field.type), '\0');
    std::memcpy(copy.data(), array.buffers[1], copy.size());
  }
}

inline void check_batch(const BatchPtr& batch) {
  REQUIRE(batch->rows > 0);
  REQUIRE(batch->columns.size() == batch->schema->fields.size());
  ArrowSchema schema{};
  ArrowArray array{};
  export_schema(*batch, &schema);
  export_array(batch, &array);
  REQUIRE(array.length == batch->rows && array.null_count == 0);
  REQUIRE(static_cast<std::size_t>(array.n_children) == batch->columns.size());
  REQUIRE(array.n_children == schema.n_children);
  for (std::size_t i = 0; i < batch->columns.size(); ++i) {
    REQUIRE(array.children[i]->length == batch->rows);
    REQUIRE(batch->schema->fields[i].name == schema.children[i]->name);
    check_arrow(*array.children[i], batch->schema->fields[i], batch->columns[i]);
  }
  schema.release(&schema);
  array.release(&array);
}

// Messages and faults lie side by side without a gap, from the first byte to the last. Columns 0
// and 1 of every table of messages are `offset` and `size`.
inline void check_accounts(const Outcome& outcome, std::size_t size) {
  REQUIRE(outcome.decoded + outcome.quarantined == size);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> stretches;
  std::uint64_t before = 0;
  for (const Fault& fault : outcome.faults) {
    REQUIRE(fault.length > 0 && !fault.reason.empty());
    REQUIRE(fault.offset >= before);
    before = fault.offset + fault.length;
    stretches.emplace_back(fault.offset, fault.length);
  }
  for (std::size_t i = 1; i < outcome.faults.size(); ++i) {
    const Fault& earlier = outcome.faults[i - 1];
    const Fault& later = outcome.faults[i];
    REQUIRE(earlier.reason != later.reason || earlier.offset + earlier.length < later.offset);
  }
  std::uint64_t rows = 0;
  for (const BatchPtr& batch : outcome.batches) {
    check_batch(batch);
    REQUIRE(batch->schema->fields[0].name == "offset" && batch->schema->fields[1].name == "size");
    for (std::int64_t row = 0; row < batch->rows; ++row) {
      stretches.emplace_back(value_at<std::uint64_t>(batch->columns[0], row),
                             value_at<std::uint32_t>(batch->columns[1], row));
    }
    rows += static_cast<std::uint64_t>(batch->rows);
  }
  REQUIRE(rows == outcome.rows);
  std::sort(stretches.begin(), stretches.end());
  std::uint64_t at = 0;
  for (const auto& [offset, length] : stretches) {
    REQUIRE(offset == at && length > 0);
    at += length;
  }
  REQUIRE(at == size);
}

[[nodiscard]] inline std::string csv_of(const Batch& batch) {
  Buffer csv;
  write_csv(batch, {}, csv);
  return {reinterpret_cast<const char*>(csv.data()), csv.size()};
}

inline void check_same(const Outcome& one, const Outcome& other) {
  REQUIRE(one.format == other.format);
  REQUIRE(one.rows == other.rows);
  REQUIRE(one.decoded == other.decoded && one.quarantined == other.quarantined);
  REQUIRE(one.undecoded == other.undecoded);
  REQUIRE(one.faults.size() == other.faults.size());
  for (std::size_t i = 0; i < one.faults.size(); ++i) {
    REQUIRE(one.faults[i].offset == other.faults[i].offset);
    REQUIRE(one.faults[i].length == other.faults[i].length);
    REQUIRE(one.faults[i].reason == other.faults[i].reason);
  }
  REQUIRE(one.batches.size() == other.batches.size());
  for (std::size_t i = 0; i < one.batches.size(); ++i) {
    REQUIRE(one.batches[i]->rows == other.batches[i]->rows);
    REQUIRE(one.batches[i]->schema->table == other.batches[i]->schema->table);
    REQUIRE(csv_of(*one.batches[i]) == csv_of(*other.batches[i]));
  }
}

}  // namespace argus::fuzz
