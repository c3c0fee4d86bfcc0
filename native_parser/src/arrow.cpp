// Batches as Arrow C structs. Everything that a struct points to lives in its private data.
#include <array>

#include "argus/columns.hpp"

namespace argus {
namespace {

[[nodiscard]] const char* format(Type type) noexcept {
  switch (type) {
    case Type::boolean:
      return "b";
    case Type::int8:
      return "c";
    case Type::uint8:
      return "C";
    case Type::int16:
      return "s";
    case Type::uint16:
      return "S";
    case Type::int32:
    case Type::dictionary:  // the type of the indices
      return "i";
    case Type::uint32:
      return "I";
    case Type::int64:
      return "l";
    case Type::uint64:
      return "L";
    case Type::float32:
      return "f";
    case Type::float64:
      return "g";
    case Type::timestamp:
      return "tsn:UTC";
    case Type::utf8:
      return "u";
    case Type::binary:
      return "z";
  }
  return "n";
}

struct SchemaHolder {
  std::shared_ptr<const Schema> schema;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
  std::vector<ArrowSchema> dictionaries;
};

struct ArrayHolder {
  BatchPtr batch;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
  std::vector<ArrowArray> dictionaries;
  std::vector<std::array<const void*, 3>> buffers;
  std::vector<std::array<const void*, 3>> dictionary_buffers;
  Buffer zeros;  // values of columns of which every row is null
  const void* no_validity = nullptr;
};

// A consumer may move a child out and release it by itself (the standard allows it), so every child
// holds its own share of what it points into.
void release_schema(ArrowSchema* self) {
  for (std::int64_t i = 0; i < self->n_children; ++i) {
    if (self->children[i]->release != nullptr) self->children[i]->release(self->children[i]);
  }
  if (self->dictionary != nullptr && self->dictionary->release != nullptr) {
    self->dictionary->release(self->dictionary);
  }
  delete static_cast<std::shared_ptr<SchemaHolder>*>(self->private_data);
  self->release = nullptr;
}

void release_array(ArrowArray* self) {
  for (std::int64_t i = 0; i < self->n_children; ++i) {
    if (self->children[i]->release != nullptr) self->children[i]->release(self->children[i]);
  }
  if (self->dictionary != nullptr && self->dictionary->release != nullptr) {
    self->dictionary->release(self->dictionary);
  }
  delete static_cast<std::shared_ptr<ArrayHolder>*>(self->private_data);
  self->release = nullptr;
}

[[nodiscard]] ArrowSchema make_schema(const std::shared_ptr<SchemaHolder>& holder, const char* type,
                                      const char* name, bool nullable) {
  ArrowSchema made{};
  made.format = type;
  made.name = name;
  made.flags = nullable ? arrow_flag_nullable : 0;
  made.release = release_schema;
  made.private_data = new std::shared_ptr<SchemaHolder>(holder);
  return made;
}

[[nodiscard]] ArrowArray make_array(const std::shared_ptr<ArrayHolder>& holder, std::int64_t length,
                                    std::int64_t null_count, std::int64_t n_buffers,
                                    const void** buffers) {
  ArrowArray made{};
  made.length = length;
  made.null_count = null_count;
  made.n_buffers = n_buffers;
  made.buffers = buffers;
  made.release = release_array;
  made.private_data = new std::shared_ptr<ArrayHolder>(holder);
  return made;
}

// The values that a column of nulls does not keep: readers look at them all the same.
[[nodiscard]] const void* zeros(ArrayHolder& holder) {
  const std::size_t widest = sizeof(std::int64_t);
  const auto rows = static_cast<std::size_t>(holder.batch->rows) + 1;
  if (holder.zeros.empty()) holder.zeros.resize_zeroed(rows * widest);
  return holder.zeros.data();
}

// A buffer of no bytes must still have an address for some readers.
[[nodiscard]] const void* address(const Buffer& buffer) noexcept {
  static constexpr std::uint64_t nothing = 0;
  return buffer.data() != nullptr ? static_cast<const void*>(buffer.data()) : &nothing;
}

}  // namespace

void export_schema(const Batch& batch, ArrowSchema* out) {
  auto holder = std::make_shared<SchemaHolder>();
  holder->schema = batch.schema;
  const auto& fields = holder->schema->fields;
  holder->children.reserve(fields.size());
  holder->dictionaries.reserve(fields.size());
  for (const Field& field : fields) {
    ArrowSchema& child = holder->children.emplace_back(
        make_schema(holder, format(field.type), field.name.c_str(), field.nullable));
    if (field.type == Type::dictionary) {
      child.dictionary = &holder->dictionaries.emplace_back(make_schema(holder, "u", "", false));
    }
    holder->child_pointers.push_back(&child);
  }
  *out = make_schema(holder, "+s", "", false);
  out->n_children = static_cast<std::int64_t>(fields.size());
  out->children = holder->child_pointers.data();
}

void export_array(const BatchPtr& batch, ArrowArray* out) {
  auto holder = std::make_shared<ArrayHolder>();
  holder->batch = batch;
  const auto& fields = batch->schema->fields;
  holder->children.reserve(fields.size());
  holder->dictionaries.reserve(fields.size());
  holder->buffers.reserve(fields.size());
  holder->dictionary_buffers.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Column& column = batch->columns[i];
    const bool variable = is_variable(fields[i].type);
    auto& buffers = holder->buffers.emplace_back();
    buffers = {column.null_count > 0 ? column.validity.data() : nullptr,
               column.values.empty() ? zeros(*holder) : address(column.values),
               variable ? address(column.bytes) : nullptr};
    ArrowArray& child = holder->children.emplace_back(
        make_array(holder, batch->rows, column.null_count, variable ? 3 : 2, buffers.data()));
    if (fields[i].type == Type::dictionary) {
      const Dictionary& texts = column.dictionary;
      auto& texts_buffers = holder->dictionary_buffers.emplace_back();
      texts_buffers = {nullptr, texts.offsets(), address(texts.bytes())};
      child.dictionary = &holder->dictionaries.emplace_back(
          make_array(holder, static_cast<std::int64_t>(texts.size()), 0, 3, texts_buffers.data()));
    }
    holder->child_pointers.push_back(&child);
  }
  *out = make_array(holder, batch->rows, 0, 1, &holder->no_validity);
  out->n_children = static_cast<std::int64_t>(fields.size());
  out->children = holder->child_pointers.data();
}

}  // namespace argus
