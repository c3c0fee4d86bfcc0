// The CSV of any recording reads back, by a reader of RFC 4180 and nothing more, to as many rows
// and fields as the batch has, each text as it was, and null apart from empty. The last byte
// chooses the options.
#include <array>

#include "harness.hpp"

namespace {

using argus::Batch;
using argus::Column;
using argus::Type;

struct CsvField {
  std::string text;
  bool quoted = false;
};
using CsvRow = std::vector<CsvField>;

// RFC 4180, with the delimiter and line end given. A quote may only open a field or, doubled, stand
// inside a quoted one.
[[nodiscard]] std::vector<CsvRow> read_csv(std::string_view csv, const argus::CsvOptions& options) {
  std::vector<CsvRow> rows;
  std::size_t at = 0;
  while (at < csv.size()) {
    CsvRow& row = rows.emplace_back();
    for (bool row_ended = false; !row_ended;) {
      CsvField& field = row.emplace_back();
      if (at < csv.size() && csv[at] == '"') {
        field.quoted = true;
        for (++at;; ++at) {
          REQUIRE(at < csv.size());
          if (csv[at] == '"' && (at + 1 == csv.size() || csv[at + 1] != '"')) break;
          at += csv[at] == '"';
          field.text += csv[at];
        }
        ++at;
      } else {
        while (at < csv.size() && csv[at] != options.delimiter && csv[at] != '\r' &&
               csv[at] != '\n') {
          REQUIRE(csv[at] != '"');
          field.text += csv[at++];
        }
      }
      REQUIRE(at < csv.size());
      if (csv[at] == options.delimiter) {
        ++at;
      } else {
        REQUIRE(csv.substr(at).starts_with(options.line_end));
        at += options.line_end.size();
        row_ended = true;
      }
    }
  }
  return rows;
}

void check_field(const Column& column, Type type, std::int64_t row, const CsvField& read) {
  if (argus::fuzz::is_null(column, row)) {
    REQUIRE(read.text.empty() && !read.quoted);
    return;
  }
  REQUIRE(!read.text.empty() || read.quoted);
  if (type == Type::utf8) {
    REQUIRE(read.text == argus::fuzz::text_at(column, row));
  } else if (type == Type::binary) {
    REQUIRE(read.text.size() == 2 * argus::fuzz::text_at(column, row).size());
  } else if (type == Type::dictionary) {
    const auto index = argus::fuzz::value_at<std::int32_t>(column, row);
    REQUIRE(read.text == column.dictionary[static_cast<std::size_t>(index)]);
  }
}

void check_csv(const Batch& batch, const argus::CsvOptions& options) {
  argus::Buffer csv;
  argus::write_csv(batch, options, csv);
  const auto rows = read_csv({reinterpret_cast<const char*>(csv.data()), csv.size()}, options);
  const auto& fields = batch.schema->fields;
  const std::size_t first = options.header ? 1 : 0;
  REQUIRE(rows.size() == static_cast<std::size_t>(batch.rows) + first);
  for (const CsvRow& row : rows) REQUIRE(row.size() == fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    REQUIRE(!options.header || rows[0][i].text == fields[i].name);
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      check_field(batch.columns[i], fields[i].type, row,
                  rows[static_cast<std::size_t>(row) + first][i]);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array delimiters{',', ';', '\t', '|'};
  constexpr std::array line_ends{"\r\n", "\n"};
  const unsigned choice = data[size - 1];
  const argus::CsvOptions options{(choice & 1) == 0, delimiters[choice >> 1 & 3],
                                  line_ends[choice >> 3 & 1]};
  const auto outcome = argus::fuzz::parse({data, size - 1}, argus::fuzz::fixed_specification());
  for (const auto& batch : outcome.batches) check_csv(*batch, options);
  return 0;
}
