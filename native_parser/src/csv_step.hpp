// Columns of short values, written a column at a time: each row of a block has a place of its own.
#pragma once

#include <algorithm>
#include <utility>

#include "argus/columns.hpp"
#include "argus/text.hpp"
#include "chunk.hpp"
#include "csv_text.hpp"

namespace argus::csv {

inline constexpr std::size_t slack = 64;  // bytes behind a value that writing it may touch

struct Block {
  std::size_t first;
  std::size_t rows;
};

template <class T>
[[nodiscard]] const T* values_of(const Column& column) noexcept {
  return reinterpret_cast<const T*>(column.values.data());
}

// The bits of a block's rows, the first one lowest. Blocks begin at whole bytes.
[[nodiscard]] inline std::uint64_t bits_of(const Buffer& bits, const Block& block) noexcept {
  std::uint8_t bytes[8] = {};
  std::memcpy(bytes, bits.data() + block.first / 8, (block.rows + 7) / 8);
  return load_little<std::uint64_t>(bytes);
}

[[nodiscard]] inline std::uint64_t valid_rows(const Column& column, const Block& block) noexcept {
  return column.null_count > 0 ? bits_of(column.validity, block) : ~std::uint64_t{0};
}

// Text that stands behind each value of a column.
class Tail {
 public:
  [[nodiscard]] Buffer& text() noexcept { return text_; }
  [[nodiscard]] std::string_view view() const noexcept { return {chars(text_), text_.size()}; }
  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  // Bytes that `put` may touch.
  [[nodiscard]] std::size_t room() const noexcept { return text_.size() + chunk_size; }

  // To be called once the text is complete: whole chunks are copied.
  void finish() { static_cast<void>(text_.room(chunk_size)); }
  char* put(char* at) const noexcept {
    for (std::size_t done = 0; done < text_.size(); done += chunk_size) {
      Chunk::load(text_.data() + done).store(at + done);
    }
    return at + text_.size();
  }

 private:
  Buffer text_;
};

// A few texts, each in a slot of the same size that is copied as a whole: the null's, then the
// others. A slot's last byte says how long its text is.
class Slots {
 public:
  static constexpr std::size_t longest = 63;

  void make(const Texts& texts, std::string_view tail) {
    const std::size_t wanted = texts.longest() + tail.size() + 1;
    width_ = wanted <= 16 ? 16 : wanted <= 32 ? 32 : 64;
    bytes_.resize_zeroed((texts.size() + 1) * width_);
    for (std::size_t slot = 0; slot <= texts.size(); ++slot) {
      const std::string_view text = slot == 0 ? std::string_view() : texts[slot - 1];
      std::uint8_t* const at = bytes_.data() + slot * width_;
      if (!text.empty()) std::memcpy(at, text.data(), text.size());
      if (!tail.empty()) std::memcpy(at + text.size(), tail.data(), tail.size());
      at[width_ - 1] = static_cast<std::uint8_t>(text.size() + tail.size());
    }
  }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }

  template <std::size_t width>
  char* put(char* at, std::size_t slot) const noexcept {
    const std::uint8_t* const from = bytes_.data() + slot * width;
    for (std::size_t i = 0; i < width; i += chunk_size) Chunk::load(from + i).store(at + i);
    return at + from[width - 1];
  }

 private:
  std::size_t width_ = 0;
  Buffer bytes_;
};

// How many characters a value may have that is not out of texts.
[[nodiscard]] inline std::size_t longest_value(Type type) noexcept {
  switch (type) {
    case Type::int8:
    case Type::uint8:
    case Type::int16:
    case Type::uint16:
      return 6;
    case Type::int32:
    case Type::uint32:
      return 11;
    case Type::int64:
    case Type::uint64:
      return 20;
    case Type::float32:
    case Type::float64:
    case Type::timestamp:
      return digits_room;
    case Type::boolean:
    case Type::utf8:
    case Type::binary:
    case Type::dictionary:
      break;
  }
  return 0;
}

// A column of short values, and what stands behind each.
class Step {
 public:
  Step() = default;  // nothing but the tail
  Step(Type type, const Column& column, Texts texts = {})
      : column_(&column), type_(type), texts_(std::move(texts)) {}

  [[nodiscard]] Tail& tail() noexcept { return tail_; }
  // Bytes that a value with its tail may have.
  [[nodiscard]] std::size_t longest() const noexcept {
    return std::max(longest_value(type_), texts_.longest()) + tail_.size();
  }
  // To be called once the tail is complete.
  void finish();
  // Writes a block's values at `ends`, one for each row, and moves these on. Behind each there must
  // be room for `longest` and `slack` bytes.
  void write(const Block& block, char** ends);

  // Calls `use` with a function that puts a row's value, for columns that are not texts.
  template <class Use>
  void with_values(const Use& use);

 private:
  template <class Put>
  void write_rows(const Block& block, char** ends, const Put& put) const;
  template <class Index>
  void write_texts(const Block& block, char** ends, const Index& index) const;
  template <std::size_t width, class Index>
  void write_slots(const Block& block, char** ends, const Index& index) const;

  const Column* column_ = nullptr;
  Type type_ = Type::utf8;
  Tail tail_;
  Texts texts_;  // of a dictionary or of booleans
  Slots slots_;
  TimestampWriter time_;
  int decimals_ = 3;
};

template <class Use>
void Step::with_values(const Use& use) {
  const auto integers = [&]<class T>(const T* values) {
    use([values](char* at, std::size_t row, bool) { return put_integer(at, values[row]); });
  };
  const auto floats = [&]<class T>(const T* values) {
    use([this, values](char* at, std::size_t row, bool) {
      return put_float(at, values[row], decimals_);
    });
  };
  switch (type_) {
    case Type::int8:
      return integers(values_of<std::int8_t>(*column_));
    case Type::uint8:
      return integers(values_of<std::uint8_t>(*column_));
    case Type::int16:
      return integers(values_of<std::int16_t>(*column_));
    case Type::uint16:
      return integers(values_of<std::uint16_t>(*column_));
    case Type::int32:
      return integers(values_of<std::int32_t>(*column_));
    case Type::uint32:
      return integers(values_of<std::uint32_t>(*column_));
    case Type::int64:
      return integers(values_of<std::int64_t>(*column_));
    case Type::uint64:
      return integers(values_of<std::uint64_t>(*column_));
    case Type::float32:
      return floats(values_of<float>(*column_));
    case Type::float64:
      return floats(values_of<double>(*column_));
    case Type::timestamp:
      return use([this, values = values_of<std::int64_t>(*column_)](char* at, std::size_t row,
                                                                    bool valid) {
        // What is under a null is far from the neighbours' second.
        return time_.put(at, valid ? values[row] : time_.known());
      });
    case Type::boolean:
    case Type::utf8:
    case Type::binary:
    case Type::dictionary:
      break;
  }
}

inline void Step::finish() {
  tail_.finish();
  if (texts_.size() == 0) return;
  const bool with_tail = texts_.longest() + tail_.size() <= Slots::longest;
  slots_.make(texts_, with_tail ? tail_.view() : std::string_view());
  if (with_tail) tail_ = {};
}

inline void Step::write(const Block& block, char** ends) {
  if (column_ == nullptr) {
    write_rows(block, ends, [](char* at, std::size_t, bool) { return at; });
  } else if (type_ == Type::boolean) {
    write_texts(block, ends, [bits = bits_of(column_->values, block)](std::size_t i) {
      return static_cast<std::size_t>(bits >> i & 1);
    });
  } else if (type_ == Type::dictionary) {
    const auto* indices = values_of<std::int32_t>(*column_) + block.first;
    write_texts(block, ends, [indices](std::size_t i) {
      return static_cast<std::size_t>(indices[i]);
    });
  } else {
    with_values([&](const auto& put) { write_rows(block, ends, put); });
  }
}

template <class Put>
void Step::write_rows(const Block& block, char** ends, const Put& put) const {
  const std::uint64_t valid = column_ != nullptr ? valid_rows(*column_, block) : ~std::uint64_t{0};
  const std::size_t tail_size = tail_.size();
  const auto write = [&](const auto& put_tail) {
    for (std::size_t i = 0; i < block.rows; ++i) {
      char* const at = ends[i];
      const bool is_valid = (valid >> i & 1) != 0;
      char* const end = put(at, block.first + i, is_valid);
      ends[i] = put_tail(is_valid ? end : at);
    }
  };
  if (tail_size > 0 && tail_size <= chunk_size) {
    write([tail = Chunk::load(tail_.view().data()), tail_size](char* at) {
      tail.store(at);
      return at + tail_size;
    });
  } else {
    write([this](char* at) { return tail_.put(at); });
  }
}

template <class Index>
void Step::write_texts(const Block& block, char** ends, const Index& index) const {
  switch (slots_.width()) {
    case 16:
      return write_slots<16>(block, ends, index);
    case 32:
      return write_slots<32>(block, ends, index);
    default:
      return write_slots<64>(block, ends, index);
  }
}

template <std::size_t width, class Index>
void Step::write_slots(const Block& block, char** ends, const Index& index) const {
  const std::uint64_t valid = valid_rows(*column_, block);
  for (std::size_t i = 0; i < block.rows; ++i) {
    const std::size_t slot = (valid >> i & 1) != 0 ? index(i) + 1 : 0;
    ends[i] = tail_.put(slots_.put<width>(ends[i], slot));
  }
}

}  // namespace argus::csv
