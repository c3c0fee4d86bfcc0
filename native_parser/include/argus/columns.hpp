// Tables as columns: filled row by row, handed out as batches that never change again.
//
// A TableBuilder keeps every column that is in use at the same capacity, so that filling a row is
// plain stores. What is not set in a row is null: a column makes up for that when it is next set, so
// nulls cost nothing. Text goes straight into the column's own bytes: append to `text(column)`, then
// `set_text` closes it; `drop_row` takes an unfinished row back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "argus/arrow_abi.hpp"
#include "argus/buffer.hpp"
#include "argus/bytes.hpp"

namespace argus {

enum class Type : std::uint8_t {
  boolean,
  int8,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float32,
  float64,
  timestamp,   // int64, nanoseconds since 1970, UTC
  utf8,        // int32 offsets
  binary,      // int32 offsets
  dictionary,  // int32 indices into utf8 values
};

[[nodiscard]] constexpr bool is_variable(Type type) noexcept {
  return type == Type::utf8 || type == Type::binary;
}
// Bytes of one value; 0 for booleans, which are bits. Variable types count their offset.
[[nodiscard]] std::size_t width(Type type) noexcept;

struct Field {
  std::string name;
  Type type;
  bool nullable = false;
};

struct Schema {
  std::string table;
  std::vector<Field> fields;
};

// The distinct texts of a dictionary column, in order of appearance in the batch.
class Dictionary {
 public:
  // Index of the text that `key` stands for; `text` is asked only when the key is new.
  template <class Text>
  std::int32_t index(std::uint64_t key, const Text& text) {
    if (!slots_.empty()) {
      for (std::size_t at = hash(key);; ++at) {
        const Slot& slot = slots_[at & (slots_.size() - 1)];
        if (slot.index < 0) break;
        if (slot.key == key) return slot.index;
      }
    }
    return add(key, text());
  }
  // Index of a text that no key of 64 bits stands for. Slower.
  std::int32_t index_of(std::string_view text);

  [[nodiscard]] std::size_t size() const noexcept { return offsets_.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept;
  [[nodiscard]] const std::int32_t* offsets() const noexcept { return offsets_.data(); }
  [[nodiscard]] const Buffer& bytes() const noexcept { return bytes_; }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::int32_t index = -1;
  };
  [[nodiscard]] static std::size_t hash(std::uint64_t key) noexcept {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ull) >> 32);
  }
  std::int32_t add(std::uint64_t key, std::string_view text);
  void place(std::uint64_t key, std::int32_t index) noexcept;

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  // Different keys may stand for the same text, and Arrow readers expect each text once.
  std::unordered_map<std::string, std::int32_t> by_text_;
  std::vector<std::int32_t> offsets_{0};
  Buffer bytes_;
};

struct Column {
  Buffer values;    // fixed width, bits, offsets or indices; empty while every row is null
  Buffer bytes;     // what the offsets of a variable column point into
  Buffer validity;  // one bit a row; empty while no row is null
  std::int64_t null_count = 0;
  std::int64_t filled = -1;  // rows that have a value or are known to be null; -1 before the first
  Dictionary dictionary;
};

struct Batch {
  std::shared_ptr<const Schema> schema;
  std::int64_t rows = 0;
  std::vector<Column> columns;
};
using BatchPtr = std::shared_ptr<const Batch>;

// Fill the caller's structs; both keep the batch alive until released. No value is copied.
void export_schema(const Batch& batch, ArrowSchema* out);
void export_array(const BatchPtr& batch, ArrowArray* out);

// Rows that a table makes room for when it gets its first, unless it is told to expect more.
inline constexpr std::int64_t first_capacity = 64;

class TableBuilder {
 public:
  explicit TableBuilder(std::shared_ptr<const Schema> schema,
                        std::int64_t expected_rows = first_capacity);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  // Bytes that the finished rows hold, about.
  [[nodiscard]] std::size_t size_bytes() const noexcept;
  [[nodiscard]] const Schema& schema() const noexcept { return *schema_; }

  // Makes room for one more row. Each column may then be set once before `end_row`.
  void begin_row() {
    if (rows_ == capacity_) grow();
  }

  template <class T>
  ARGUS_INLINE void set(std::size_t column, T value) {
    Column& c = due(column);
    reinterpret_cast<T*>(c.values.data())[rows_] = value;
    mark_valid(c);
  }
  ARGUS_INLINE void set_boolean(std::size_t column, bool value) {
    Column& c = due(column);
    std::uint8_t& bits = c.values.data()[rows_ >> 3];
    const auto bit = static_cast<std::uint8_t>(1u << (rows_ & 7));
    bits = static_cast<std::uint8_t>(value ? bits | bit : bits & ~bit);
    mark_valid(c);
  }
  template <class Text>
  void set_key(std::size_t column, std::uint64_t key, const Text& text) {
    set<std::int32_t>(column, dictionary(column).index(key, text));
  }
  // Of a dictionary column, whose values are indices into it, until the next `finish`.
  [[nodiscard]] Dictionary& dictionary(std::size_t column) noexcept {
    return columns_[column].dictionary;
  }
  // The same for a text that no key stands for.
  void set_name(std::size_t column, std::string_view text) {
    set<std::int32_t>(column, columns_[column].dictionary.index_of(text));
  }
  // The bytes of a variable column; append the row's value here, then call `set_text`.
  [[nodiscard]] Buffer& text(std::size_t column) noexcept { return columns_[column].bytes; }
  ARGUS_INLINE void set_text(std::size_t column) {
    Column& c = due(column);
    offsets(c)[rows_ + 1] = static_cast<std::int32_t>(c.bytes.size());
    mark_valid(c);
  }
  void set_bytes(std::size_t column, Bytes value) {
    columns_[column].bytes.append(value.data(), value.size());
    set_text(column);
  }
  void end_row() noexcept { ++rows_; }
  // Takes back what was appended to the variable columns since the last `end_row`.
  void drop_row() noexcept;

  // The rows so far, and an empty table to go on with. Not for an empty table.
  [[nodiscard]] BatchPtr finish();

 private:
  // Validity is kept from a column's first null on, and values from its first value on: most columns
  // have only one of them.
  void catch_up(std::size_t column);
  // The column, with everything in it that stands before the row.
  [[nodiscard]] ARGUS_INLINE Column& due(std::size_t column) {
    Column& c = columns_[column];
    if (c.filled != rows_) [[unlikely]] catch_up(column);
    return c;
  }
  [[nodiscard]] static std::int32_t* offsets(Column& c) noexcept {
    return reinterpret_cast<std::int32_t*>(c.values.data());
  }
  ARGUS_INLINE void mark_valid(Column& c) noexcept {
    c.filled = rows_ + 1;
    if (!c.validity.empty()) {
      c.validity.data()[rows_ >> 3] |= static_cast<std::uint8_t>(1u << (rows_ & 7));
    }
  }
  void grow();
  void reset();

  std::shared_ptr<const Schema> schema_;
  std::vector<Column> columns_;
  std::int64_t rows_ = 0;
  std::int64_t capacity_ = 0;
  std::int64_t expected_rows_;
};

}  // namespace argus
