#include "argus/csv.hpp"

#include <array>
#include <cstring>

#include "argus/text.hpp"

namespace argus {
namespace {

class Writer {
 public:
  Writer(const CsvOptions& options, Buffer& out) : options_(options), out_(out) {
    for (const char c : {options.delimiter, '"', '\r', '\n'}) {
      special_[static_cast<std::uint8_t>(c)] = true;
    }
  }

  void text(std::string_view value) {
    if (value.empty()) return out_.append("\"\"");
    if (!needs_quotes(value)) return out_.append(value);
    out_.push('"');
    for (std::size_t quote; (quote = value.find('"')) != std::string_view::npos;) {
      out_.append(value.substr(0, quote + 1));
      out_.push('"');
      value.remove_prefix(quote + 1);
    }
    out_.append(value);
    out_.push('"');
  }

  void delimiter() { out_.push(static_cast<std::uint8_t>(options_.delimiter)); }
  void line_end() { out_.append(options_.line_end); }

 private:
  [[nodiscard]] bool needs_quotes(std::string_view value) const noexcept {
    bool found = false;
    for (const char c : value) found |= special_[static_cast<std::uint8_t>(c)];
    return found;
  }

  const CsvOptions& options_;
  Buffer& out_;
  std::array<bool, 256> special_{};
};

template <class T>
[[nodiscard]] T value_at(const Column& column, std::int64_t row) noexcept {
  return reinterpret_cast<const T*>(column.values.data())[row];
}

[[nodiscard]] bool bit_at(const Buffer& bits, std::int64_t row) noexcept {
  return ((bits.data()[row >> 3] >> (row & 7)) & 1) != 0;
}

[[nodiscard]] Bytes bytes_at(const Column& column, std::int64_t row) noexcept {
  const auto* offsets = reinterpret_cast<const std::int32_t*>(column.values.data());
  return {column.bytes.data() + offsets[row],
          static_cast<std::size_t>(offsets[row + 1] - offsets[row])};
}

// What one column needs besides its values: texts that are already quoted, the last time's text.
struct Prepared {
  Buffer texts;
  std::vector<std::size_t> ends;
  TimestampWriter time;
};

void write_value(Writer& writer, Buffer& out, Type type, const Column& column, Prepared& prepared,
                 std::int64_t row) {
  switch (type) {
    case Type::boolean:
      return out.append(bit_at(column.values, row) ? "true" : "false");
    case Type::int8:
      return append_integer(out, value_at<std::int8_t>(column, row));
    case Type::uint8:
      return append_integer(out, value_at<std::uint8_t>(column, row));
    case Type::int16:
      return append_integer(out, value_at<std::int16_t>(column, row));
    case Type::uint16:
      return append_integer(out, value_at<std::uint16_t>(column, row));
    case Type::int32:
      return append_integer(out, value_at<std::int32_t>(column, row));
    case Type::uint32:
      return append_integer(out, value_at<std::uint32_t>(column, row));
    case Type::int64:
      return append_integer(out, value_at<std::int64_t>(column, row));
    case Type::uint64:
      return append_integer(out, value_at<std::uint64_t>(column, row));
    case Type::float32:
      return append_float(out, value_at<float>(column, row));
    case Type::float64:
      return append_float(out, value_at<double>(column, row));
    case Type::timestamp:
      return prepared.time.append(out, value_at<std::int64_t>(column, row));
    case Type::utf8: {
      const Bytes value = bytes_at(column, row);
      return writer.text({reinterpret_cast<const char*>(value.data()), value.size()});
    }
    case Type::binary: {
      const Bytes value = bytes_at(column, row);
      return value.empty() ? out.append("\"\"") : append_hex(out, value);
    }
    case Type::dictionary: {
      const auto index = static_cast<std::size_t>(value_at<std::int32_t>(column, row));
      const std::size_t from = index == 0 ? 0 : prepared.ends[index - 1];
      return out.append(prepared.texts.data() + from, prepared.ends[index] - from);
    }
  }
}

}  // namespace

void write_csv(const Batch& batch, const CsvOptions& options, Buffer& out) {
  Writer writer(options, out);
  const auto& fields = batch.schema->fields;
  if (options.header) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != 0) writer.delimiter();
      writer.text(fields[i].name);
    }
    writer.line_end();
  }
  std::vector<Prepared> prepared(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Dictionary& texts = batch.columns[i].dictionary;
    Writer quoted(options, prepared[i].texts);
    for (std::size_t k = 0; k < texts.size(); ++k) {
      quoted.text(texts[k]);
      prepared[i].ends.push_back(prepared[i].texts.size());
    }
  }
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != 0) writer.delimiter();
      const Column& column = batch.columns[i];
      if (column.null_count > 0 && !bit_at(column.validity, row)) continue;
      write_value(writer, out, fields[i].type, column, prepared[i], row);
    }
    writer.line_end();
  }
}

}  // namespace argus
