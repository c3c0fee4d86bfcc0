#include "argus/columns.hpp"

#include <algorithm>

namespace argus {
namespace {

[[nodiscard]] std::size_t values_size(Type type, std::int64_t rows) noexcept {
  const auto count = static_cast<std::size_t>(rows);
  if (type == Type::boolean) return (count + 7) / 8;
  return width(type) * (is_variable(type) ? count + 1 : count);
}

[[nodiscard]] std::size_t bits_size(std::int64_t rows) noexcept {
  return (static_cast<std::size_t>(rows) + 7) / 8;
}

}  // namespace

std::size_t width(Type type) noexcept {
  switch (type) {
    case Type::boolean:
      return 0;
    case Type::int8:
    case Type::uint8:
      return 1;
    case Type::int16:
    case Type::uint16:
      return 2;
    case Type::int32:
    case Type::uint32:
    case Type::float32:
    case Type::utf8:
    case Type::binary:
    case Type::dictionary:
      return 4;
    case Type::int64:
    case Type::uint64:
    case Type::float64:
    case Type::timestamp:
      return 8;
  }
  return 8;
}

std::string_view Dictionary::operator[](std::size_t index) const noexcept {
  const auto from = static_cast<std::size_t>(offsets_[index]);
  const auto to = static_cast<std::size_t>(offsets_[index + 1]);
  return {reinterpret_cast<const char*>(bytes_.data()) + from, to - from};
}

void Dictionary::place(std::uint64_t key, std::int32_t index) noexcept {
  for (std::size_t at = hash(key);; ++at) {
    Slot& slot = slots_[at & (slots_.size() - 1)];
    if (slot.index < 0) {
      slot = {key, index};
      return;
    }
  }
}

std::int32_t Dictionary::add(std::uint64_t key, std::string_view text) {
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old(std::max<std::size_t>(16, slots_.size() * 2));
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.index >= 0) place(slot.key, slot.index);
    }
  }
  const std::int32_t index = index_of(text);
  place(key, index);
  ++used_;
  return index;
}

std::int32_t Dictionary::index_of(std::string_view text) {
  const auto [found, fresh] =
      by_text_.try_emplace(std::string(text), static_cast<std::int32_t>(size()));
  if (fresh) {
    bytes_.append(text);
    offsets_.push_back(static_cast<std::int32_t>(bytes_.size()));
  }
  return found->second;
}

TableBuilder::TableBuilder(std::shared_ptr<const Schema> schema, std::int64_t expected_rows)
    : schema_(std::move(schema)), expected_rows_(expected_rows) {
  reset();
}

void TableBuilder::reset() {
  columns_ = std::vector<Column>(schema_->fields.size());
  rows_ = 0;
  capacity_ = 0;
}

void TableBuilder::grow() {
  capacity_ = capacity_ == 0 ? expected_rows_ : capacity_ + capacity_ / 2;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& c = columns_[i];
    const Type type = schema_->fields[i].type;
    if (!c.values.empty()) {
      const std::size_t size = values_size(type, capacity_);
      // A boolean is set bit by bit, which reads what was there.
      if (type == Type::boolean) {
        c.values.resize_zeroed(size);
      } else {
        c.values.resize(size);
      }
    }
    if (!c.validity.empty()) c.validity.resize_zeroed(bits_size(capacity_));
  }
}

std::size_t TableBuilder::size_bytes() const noexcept {
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].values.empty()) continue;
    total += values_size(schema_->fields[i].type, rows_) + columns_[i].bytes.size();
  }
  return total;
}

// The rows since the column was last set are null: their values are zero, and their texts empty.
void TableBuilder::catch_up(std::size_t column) {
  Column& c = columns_[column];
  const Type type = schema_->fields[column].type;
  const bool is_first = c.filled < 0;
  if (is_first) {
    c.filled = 0;
    const std::size_t size = values_size(type, capacity_);
    if (type == Type::boolean) {
      c.values.resize_zeroed(size);
    } else {
      c.values.resize(size);
    }
    if (is_variable(type)) offsets(c)[0] = 0;
  }
  if (c.filled == rows_) return;
  const auto from = static_cast<std::size_t>(c.filled);
  const auto to = static_cast<std::size_t>(rows_);
  if (c.null_count == 0) {
    c.validity.resize_zeroed(bits_size(capacity_));
    std::memset(c.validity.data(), 0xFF, from / 8);
    if (from % 8 != 0) c.validity.data()[from / 8] = static_cast<std::uint8_t>((1u << from % 8) - 1);
  }
  c.null_count += rows_ - c.filled;
  if (is_variable(type)) {
    std::fill(offsets(c) + from + 1, offsets(c) + to + 1, offsets(c)[from]);
  } else if (type != Type::boolean) {
    std::memset(c.values.data() + from * width(type), 0, (to - from) * width(type));
  }
  c.filled = rows_;
}

void TableBuilder::drop_row() noexcept {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!is_variable(schema_->fields[i].type)) continue;
    Column& c = columns_[i];
    c.bytes.truncate(c.filled <= 0 ? 0 : static_cast<std::size_t>(offsets(c)[c.filled]));
  }
}

BatchPtr TableBuilder::finish() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& c = columns_[i];
    if (c.filled >= 0) {
      catch_up(i);
    } else {
      c.null_count = rows_;
      c.validity.resize_zeroed(bits_size(rows_));
    }
  }
  auto batch = std::make_shared<Batch>();
  batch->schema = schema_;
  batch->rows = rows_;
  batch->columns = std::move(columns_);
  reset();
  return batch;
}

}  // namespace argus
