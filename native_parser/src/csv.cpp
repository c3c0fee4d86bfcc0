// Rows are written in blocks. Columns of short values are written column by column, each row of the
// block at a place of its own; then row after row is put together from these segments and the
// texts between them.
//
// What all rows share (delimiters, line ends, columns that are null or the same throughout) is the
// tail of the column before it and costs one copy.
#include "argus/csv.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "argus/text.hpp"
#include "chunk.hpp"
#include "csv_step.hpp"
#include "csv_text.hpp"

namespace argus {
namespace {

using namespace csv;

constexpr std::size_t most_rows = 64;           // of a block
constexpr std::size_t scratch_bytes = 1 << 16;  // where rows are wider, blocks are shorter

// A segment of short columns, then perhaps a column whose values may be long.
struct Part {
  std::vector<Step> steps{};
  const Column* column = nullptr;
  Type type = Type::utf8;
  Texts texts{};  // of a dictionary
  Tail tail{};    // behind the long column

  std::size_t stride = 0;  // from one row's segment to the next one's
  char* begin = nullptr;   // of the first one
  // About the block that is being written:
  std::array<char*, most_rows> ends{};  // of the segments
  std::size_t chunks = 0;               // of the longest of them
  std::uint64_t valid = 0;              // the long column's rows
};

class Writer {
 public:
  Writer(const Batch& batch, const CsvOptions& options);

  void write(Buffer& out);

 private:
  [[nodiscard]] Buffer& tail();
  [[nodiscard]] bool add_constant(Type type, const Column& column);
  void add_column(Type type, const Column& column);
  void finish_parts();
  static void write_segments(Part& part, const Block& block);
  [[nodiscard]] char* put_row(char* at, const Block& block, std::size_t row) const;
  [[nodiscard]] char* put_long_value(char* at, const Part& part, std::size_t row) const;

  Quoting quoting_;
  std::size_t rows_;
  std::size_t block_rows_ = most_rows;
  std::vector<Part> parts_;
  std::unique_ptr<char[]> scratch_;
};

Writer::Writer(const Batch& batch, const CsvOptions& options)
    : quoting_(options.delimiter), rows_(static_cast<std::size_t>(batch.rows)), parts_(1) {
  parts_[0].steps.reserve(batch.columns.size());
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    const Type type = batch.schema->fields[i].type;
    if (i != 0) tail().push(static_cast<std::uint8_t>(options.delimiter));
    if (!add_constant(type, batch.columns[i])) add_column(type, batch.columns[i]);
  }
  tail().append(options.line_end);
  finish_parts();
}

// Where text goes that stands behind what has been added so far.
Buffer& Writer::tail() {
  Part& part = parts_.back();
  if (part.column != nullptr) return part.tail.text();
  if (part.steps.empty()) part.steps.emplace_back();
  return part.steps.back().tail().text();
}

// Whether all rows are the same as the first one, and not null. Of texts, whether all are empty.
[[nodiscard]] bool same_throughout(Type type, const Column& column, std::size_t rows) noexcept {
  if (column.null_count > 0) return false;
  if (is_variable(type)) {
    const auto* offsets = values_of<std::int32_t>(column);
    return offsets[0] == offsets[rows];
  }
  const std::uint8_t* const values = column.values.data();
  if (type == Type::boolean) {
    const std::uint8_t all = (values[0] & 1) != 0 ? 0xFF : 0;
    const auto rest = static_cast<std::uint8_t>((1u << rows % 8) - 1);
    return std::all_of(values, values + rows / 8, [all](std::uint8_t v) { return v == all; }) &&
           (rest == 0 || (values[rows / 8] & rest) == (all & rest));
  }
  const std::size_t size = width(type);
  return std::memcmp(values, values + size, (rows - 1) * size) == 0;
}

// Makes a column that is the same throughout part of the tail; false when it is not.
bool Writer::add_constant(Type type, const Column& column) {
  if (static_cast<std::size_t>(column.null_count) == rows_) return true;
  if (!same_throughout(type, column, rows_)) return false;
  Buffer& text = tail();
  if (is_variable(type)) {
    text.append("\"\"");
  } else if (type == Type::boolean) {
    text.append((column.values.data()[0] & 1) != 0 ? "true" : "false");
  } else if (type == Type::dictionary) {
    const auto index = static_cast<std::size_t>(values_of<std::int32_t>(column)[0]);
    append_field(text, quoting_, column.dictionary[index]);
  } else {
    Step(type, column).with_values([&text](const auto& put) {
      auto* const at = reinterpret_cast<char*>(text.room(digits_room));
      text.advance(static_cast<std::size_t>(put(at, 0, true) - at));
    });
  }
  return true;
}

void Writer::add_column(Type type, const Column& column) {
  Texts texts;
  if (type == Type::dictionary) {
    for (std::size_t i = 0; i < column.dictionary.size(); ++i) {
      texts.add_field(quoting_, column.dictionary[i]);
    }
  } else if (type == Type::boolean) {
    texts.add("false");
    texts.add("true");
  }
  if (parts_.back().column != nullptr) parts_.emplace_back();
  Part& part = parts_.back();
  if (is_variable(type) || texts.longest() > Slots::longest) {
    part.column = &column;
    part.type = type;
    part.texts = std::move(texts);
  } else {
    part.steps.emplace_back(type, column, std::move(texts));
  }
}

void Writer::finish_parts() {
  std::size_t widest = 0;
  for (Part& part : parts_) {
    part.tail.finish();
    if (part.steps.empty()) continue;
    for (Step& step : part.steps) {
      part.stride += step.longest();
      step.finish();
    }
    part.stride = (part.stride + slack + 63) / 64 * 64;
    widest += part.stride;
  }
  // Blocks begin at whole bytes of the columns' bits.
  while (block_rows_ > 8 && block_rows_ * widest > scratch_bytes) block_rows_ /= 2;
  const std::size_t rows = std::min(block_rows_, rows_);
  scratch_ = std::make_unique_for_overwrite<char[]>(rows * widest);
  char* at = scratch_.get();
  for (Part& part : parts_) {
    part.begin = at;
    at += part.stride * rows;
  }
}

void Writer::write_segments(Part& part, const Block& block) {
  char* at = part.begin;
  for (std::size_t i = 0; i < block.rows; ++i, at += part.stride) part.ends[i] = at;
  for (Step& step : part.steps) step.write(block, part.ends.data());
  std::ptrdiff_t longest = 0;
  at = part.begin;
  for (std::size_t i = 0; i < block.rows; ++i, at += part.stride) {
    longest = std::max(longest, part.ends[i] - at);
  }
  part.chunks = (static_cast<std::size_t>(longest) + chunk_size - 1) / chunk_size;
}

// Bytes that a part of a block may touch in the output.
[[nodiscard]] std::size_t room_for(const Part& part, const Block& block) noexcept {
  const std::size_t room = block.rows * part.stride;
  if (part.column == nullptr) return room;
  std::size_t long_values = 0;
  const auto* values = values_of<std::int32_t>(*part.column) + block.first;
  if (part.type == Type::dictionary) {
    for (std::size_t i = 0; i < block.rows; ++i) {
      const bool is_valid = (part.valid >> i & 1) != 0;
      if (is_valid) long_values += part.texts[static_cast<std::size_t>(values[i])].size();
    }
  } else {
    const auto bytes = static_cast<std::size_t>(values[block.rows] - values[0]);
    constexpr std::size_t around = std::max(Quoting::room(0), hex_room(0));
    long_values = 2 * bytes + block.rows * around;
  }
  return room + long_values + block.rows * part.tail.room();
}

char* Writer::put_long_value(char* at, const Part& part, std::size_t row) const {
  const Column& column = *part.column;
  const auto* values = values_of<std::int32_t>(column) + row;
  if (part.type == Type::dictionary) {
    const std::string_view text = part.texts[static_cast<std::size_t>(values[0])];
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }
  // What is behind the bytes that count may be read as well.
  const std::uint8_t* const readable = column.bytes.data() + column.bytes.capacity();
  const Bytes bytes{column.bytes.data() + values[0],
                    static_cast<std::size_t>(values[1] - values[0])};
  if (part.type == Type::binary && !bytes.empty()) return put_hex(at, bytes, readable);
  return quoting_.put(at, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                      reinterpret_cast<const char*>(readable));
}

char* Writer::put_row(char* at, const Block& block, std::size_t row) const {
  for (const Part& part : parts_) {
    if (!part.steps.empty()) {
      // All rows of the block alike, as nobody could foretell where each one ends.
      const char* const from = part.begin + row * part.stride;
      for (std::size_t i = 0; i < part.chunks; ++i) {
        Chunk::load(from + i * chunk_size).store(at + i * chunk_size);
      }
      at += part.ends[row] - from;
    }
    if (part.column == nullptr) continue;
    if ((part.valid >> row & 1) != 0) at = put_long_value(at, part, block.first + row);
    at = part.tail.put(at);
  }
  return at;
}

void Writer::write(Buffer& out) {
  for (Block block{0, 0}; block.first < rows_; block.first += block.rows) {
    block.rows = std::min(block_rows_, rows_ - block.first);
    std::size_t room = 0;
    for (Part& part : parts_) {
      if (part.column != nullptr) part.valid = valid_rows(*part.column, block);
      if (!part.steps.empty()) write_segments(part, block);
      room += room_for(part, block);
    }
    char* const start = reinterpret_cast<char*>(out.room(room));
    char* at = start;
    for (std::size_t row = 0; row < block.rows; ++row) at = put_row(at, block, row);
    out.advance(static_cast<std::size_t>(at - start));
  }
}

}  // namespace

void write_csv(const Batch& batch, const CsvOptions& options, Buffer& out) {
  if (options.header) {
    const Quoting quoting(options.delimiter);
    const auto& fields = batch.schema->fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != 0) out.push(static_cast<std::uint8_t>(options.delimiter));
      append_field(out, quoting, fields[i].name);
    }
    out.append(options.line_end);
  }
  if (batch.rows > 0) Writer(batch, options).write(out);
}

}  // namespace argus
