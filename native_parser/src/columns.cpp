#include "argus/columns.hpp"

#include <algorithm>

namespace argus {
namespace {

[[nodiscard]] std::size_t values_size(Type type, std::int64_t rows) noexcept {
  const auto count = static_cast<std::size_t>(rows);
  if (type == Type::boolean) return (count + 7) / 8;
  return width(type) * (is_variable(type) ? count + 1 : count);
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
  const auto [found, fresh] =
      by_text_.try_emplace(std::string(text), static_cast<std::int32_t>(size()));
  if (fresh) {
    bytes_.append(text);
    offsets_.push_back(static_cast<std::int32_t>(bytes_.size()));
  }
  place(key, found->second);
  ++used_;
  return found->second;
}

TableBuilder::TableBuilder(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  reset();
}

void TableBuilder::reset() {
  columns_ = std::vector<Column>(schema_->fields.size());
  rows_ = 0;
  capacity_ = 0;
}

void TableBuilder::grow() {
  capacity_ = capacity_ == 0 ? first_capacity : capacity_ * 2;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].values.resize_zeroed(values_size(schema_->fields[i].type, capacity_));
    if (schema_->fields[i].nullable) {
      columns_[i].validity.resize_zeroed((static_cast<std::size_t>(capacity_) + 7) / 8);
    }
  }
}

std::size_t TableBuilder::size_bytes() const noexcept {
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    total += values_size(schema_->fields[i].type, rows_) + columns_[i].bytes.size();
  }
  return total;
}

void TableBuilder::set_null(std::size_t column) noexcept {
  Column& c = columns_[column];
  const Type type = schema_->fields[column].type;
  // Values under a null are zero already; only offsets have to be carried on.
  if (is_variable(type)) offsets(c)[rows_ + 1] = offsets(c)[rows_];
  ++c.null_count;
}

void TableBuilder::drop_row() noexcept {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (is_variable(schema_->fields[i].type)) {
      const auto end = capacity_ == 0 ? 0 : offsets(columns_[i])[rows_];
      columns_[i].bytes.truncate(static_cast<std::size_t>(end));
    }
  }
}

BatchPtr TableBuilder::finish() {
  auto batch = std::make_shared<Batch>();
  batch->schema = schema_;
  batch->rows = rows_;
  batch->columns = std::move(columns_);
  reset();
  return batch;
}

}  // namespace argus
