// CSV is what a plain writer makes of the same batch, whatever its values.
#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "argus/csv.hpp"
#include "argus/text.hpp"
#include "check.hpp"

namespace {

using argus::Batch;
using argus::Buffer;
using argus::Column;
using argus::CsvOptions;
using argus::Type;

// The plain writer: the rules as they are told, a value at a time.

template <class T>
std::string number(T value) {
  char digits[64];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

template <class T>
std::string plain_float(T value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return number(value);
}

std::string plain_time(std::int64_t nanoseconds) {
  namespace time = std::chrono;
  const time::nanoseconds since{nanoseconds};
  const auto day = time::floor<time::days>(since);
  const time::year_month_day date{time::sys_days(day)};
  const time::hh_mm_ss clock{since - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%09lldZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<long long>(clock.subseconds().count()));
  return text;
}

std::string plain_text(std::string_view text, char delimiter) {
  if (!text.empty() && text.find_first_of(std::string("\"\r\n") + delimiter) == text.npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string plain_hex(std::string_view bytes) {
  if (bytes.empty()) return "\"\"";
  std::string hex;
  for (const char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
    hex += digits;
  }
  return hex;
}

template <class T>
T at(const Column& column, std::int64_t row) {
  T value;
  std::memcpy(&value, column.values.data() + static_cast<std::size_t>(row) * sizeof value,
              sizeof value);
  return value;
}

bool bit(const Buffer& bits, std::int64_t row) {
  return (bits.data()[row / 8] >> (row % 8) & 1) != 0;
}

std::string plain_value(Type type, const Column& column, std::int64_t row, char delimiter) {
  const auto stretch = [&] {
    const auto from = at<std::int32_t>(column, row);
    const auto to = at<std::int32_t>(column, row + 1);
    return std::string_view(reinterpret_cast<const char*>(column.bytes.data()) + from,
                            static_cast<std::size_t>(to - from));
  };
  switch (type) {
    case Type::boolean:
      return bit(column.values, row) ? "true" : "false";
    case Type::int8:
      return number(int{at<std::int8_t>(column, row)});
    case Type::uint8:
      return number(int{at<std::uint8_t>(column, row)});
    case Type::int16:
      return number(at<std::int16_t>(column, row));
    case Type::uint16:
      return number(at<std::uint16_t>(column, row));
    case Type::int32:
      return number(at<std::int32_t>(column, row));
    case Type::uint32:
      return number(at<std::uint32_t>(column, row));
    case Type::int64:
      return number(at<std::int64_t>(column, row));
    case Type::uint64:
      return number(at<std::uint64_t>(column, row));
    case Type::float32:
      return plain_float(at<float>(column, row));
    case Type::float64:
      return plain_float(at<double>(column, row));
    case Type::timestamp:
      return plain_time(at<std::int64_t>(column, row));
    case Type::utf8:
      return plain_text(stretch(), delimiter);
    case Type::binary:
      return plain_hex(stretch());
    case Type::dictionary:
      return plain_text(column.dictionary[static_cast<std::size_t>(at<std::int32_t>(column, row))],
                        delimiter);
  }
  return {};
}

std::string plain_csv(const Batch& batch, const CsvOptions& options) {
  std::string csv;
  const auto& fields = batch.schema->fields;
  for (std::size_t i = 0; options.header && i < fields.size(); ++i) {
    csv += (i == 0 ? "" : std::string(1, options.delimiter)) +
           plain_text(fields[i].name, options.delimiter);
  }
  if (options.header) csv += options.line_end;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != 0) csv += options.delimiter;
      const Column& column = batch.columns[i];
      if (column.null_count > 0 && !bit(column.validity, row)) continue;
      csv += plain_value(fields[i].type, column, row, options.delimiter);
    }
    csv += options.line_end;
  }
  return csv;
}

// Values that are likely to be got wrong, and any others.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  // From 0 to `below` - 1.
  std::size_t below(std::size_t below) { return static_cast<std::size_t>(bits() % below); }
  bool one_in(std::size_t many) { return below(many) == 0; }

  template <class T>
  T integer() {
    using Limits = std::numeric_limits<T>;
    const T extremes[] = {0, 1, 9, 10, Limits::min(), Limits::max()};
    if (one_in(4)) return extremes[below(std::size(extremes))];
    if (one_in(3)) {  // around a power of ten
      std::uint64_t power = 1;
      for (std::size_t i = below(20); i > 0; --i) power *= 10;
      return static_cast<T>(power + below(3) - 1);
    }
    return static_cast<T>(bits() >> below(64));
  }

  template <class T>
  T real() {
    using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
    using Limits = std::numeric_limits<T>;
    const T extremes[] = {T(0),          -T(0),          Limits::infinity(), -Limits::infinity(),
                          Limits::max(), Limits::min(),  Limits::quiet_NaN(), Limits::denorm_min(),
                          Limits::lowest(), T(1e5),      T(1e22),             T(0.0001)};
    switch (below(8)) {
      case 0:
        return extremes[below(std::size(extremes))];
      case 1:  // any
        return std::bit_cast<T>(static_cast<Bits>(bits()));
      case 2:  // all digits, none of them far from the point
        return T(static_cast<double>(bits()) * 0x1p-64) * T(below(2000)) - T(1000);
      case 3:  // a power of two and its neighbours
        return std::nextafter(std::ldexp(T(1), static_cast<int>(below(80)) - 20),
                              T(below(3)) * T(1e30));
      case 4:  // half a unit beyond the last integers that have fractions
        return std::ldexp(T(bits() >> 12), -static_cast<int>(below(6)));
      case 5:  // integers with zeros at the end
        return T(below(1000)) * std::pow(T(10), T(below(9)));
      default: {  // few decimals
        const T scale = std::pow(T(10), T(below(8)));
        return T(static_cast<std::int64_t>(bits()) >> (20 + below(40))) / scale;
      }
    }
  }

  std::int64_t time() {
    constexpr std::int64_t second = 1'000'000'000;
    switch (below(5)) {
      case 0:
        return static_cast<std::int64_t>(bits());
      case 1:  // around the turn of a year
        return std::chrono::sys_days(std::chrono::year(1678 + static_cast<int>(below(580))) / 1 / 1)
                       .time_since_epoch()
                       .count() *
                   86400 * second +
               static_cast<std::int64_t>(below(3)) - 1;
      case 2:
        return (static_cast<std::int64_t>(below(200)) - 100) * second;
      default:  // neighbours
        return last_time_ += static_cast<std::int64_t>(below(second / 4));
    }
  }

  std::string text(std::size_t longest) {
    static const std::string_view pieces[] = {
        "a", "word ", ",", ";", "\"", "\"\"", "\r\n", "\n", "\r", "\t", "ä", "本", "0123456789"};
    std::string text;
    const std::size_t size = below(longest + 1);
    const bool plain = one_in(2);
    while (text.size() < size) {
      text += plain ? std::string(1, static_cast<char>('a' + below(26)))
                    : pieces[below(std::size(pieces))];
    }
    return text;
  }

 private:
  std::mt19937_64 engine_;
  std::int64_t last_time_ = 1'760'000'000'000'000'000;
};

template <class T>
void add(Column& column, T value) {
  column.values.append(&value, sizeof value);
}

void add_random(Random& random, Type type, Column& column, std::int64_t row) {
  switch (type) {
    case Type::boolean:
      column.values.resize_zeroed(static_cast<std::size_t>(row) / 8 + 1);
      if (random.one_in(2)) {
        std::uint8_t& bits = column.values.data()[row / 8];
        bits = static_cast<std::uint8_t>(bits | 1u << (row % 8));
      }
      return;
    case Type::int8:
      return add(column, random.integer<std::int8_t>());
    case Type::uint8:
      return add(column, random.integer<std::uint8_t>());
    case Type::int16:
      return add(column, random.integer<std::int16_t>());
    case Type::uint16:
      return add(column, random.integer<std::uint16_t>());
    case Type::int32:
      return add(column, random.integer<std::int32_t>());
    case Type::uint32:
      return add(column, random.integer<std::uint32_t>());
    case Type::int64:
      return add(column, random.integer<std::int64_t>());
    case Type::uint64:
      return add(column, random.integer<std::uint64_t>());
    case Type::float32:
      return add(column, random.real<float>());
    case Type::float64:
      return add(column, random.real<double>());
    case Type::timestamp:
      return add(column, random.time());
    case Type::utf8:
    case Type::binary:
      if (row == 0) add(column, std::int32_t{0});
      if (!random.one_in(4)) column.bytes.append(random.text(random.one_in(3) ? 200 : 70));
      return add(column, static_cast<std::int32_t>(column.bytes.size()));
    case Type::dictionary:
      break;
  }
  // Some dictionaries have long texts, and some many.
  const std::uint64_t key = random.below(row % 2 == 0 ? 6 : 40);
  add(column, column.dictionary.index(key, [&] { return random.text(20) + std::to_string(key); }));
}

enum class Nulls { none, some, all };

// Appends the values again: the row is like the one before it.
void repeat_last(Type type, Column& column, std::int64_t row) {
  if (type == Type::boolean) {
    column.values.resize_zeroed(static_cast<std::size_t>(row) / 8 + 1);
    if (bit(column.values, row - 1)) {
      std::uint8_t& bits = column.values.data()[row / 8];
      bits = static_cast<std::uint8_t>(bits | 1u << (row % 8));
    }
    return;
  }
  std::uint8_t last[8];
  const std::size_t size = argus::width(type);
  std::memcpy(last, column.values.data() + column.values.size() - size, size);
  column.values.append(last, size);
}

void fill(Random& random, Type type, Column& column, std::int64_t rows) {
  const auto nulls = static_cast<Nulls>(random.below(3));
  const bool constant = random.one_in(4);
  const bool has_long_names = type == Type::dictionary && random.one_in(3);
  for (std::int64_t row = 0; row < rows; ++row) {
    const bool is_null =
        nulls == Nulls::all || (nulls == Nulls::some && !constant && random.one_in(3));
    column.validity.resize_zeroed(static_cast<std::size_t>(row) / 8 + 1);
    if (!is_null) {
      std::uint8_t& bits = column.validity.data()[row / 8];
      bits = static_cast<std::uint8_t>(bits | 1u << (row % 8));
    }
    column.null_count += is_null;
    if (is_null && type == Type::dictionary) {
      add(column, std::int32_t{0});  // perhaps of no text at all
    } else if (is_null && argus::is_variable(type)) {
      if (row == 0) add(column, std::int32_t{0});
      add(column, static_cast<std::int32_t>(column.bytes.size()));
    } else if (constant && row > 0) {
      repeat_last(type, column, row);
    } else if (has_long_names) {
      const std::uint64_t key = random.below(9);
      add(column, column.dictionary.index(key, [&] { return random.text(key * 20); }));
    } else {
      add_random(random, type, column, row);
    }
  }
  if (column.null_count == 0) column.validity = {};
}

Batch random_batch(Random& random) {
  static constexpr std::int64_t sizes[] = {1, 2, 7, 8, 9, 63, 64, 65, 128, 200, 0};
  auto schema = std::make_shared<argus::Schema>();
  const std::size_t columns = random.one_in(9) ? 100 : random.below(12);
  for (std::size_t i = 0; i < columns; ++i) {
    constexpr auto types = static_cast<std::size_t>(Type::dictionary) + 1;
    const auto type = static_cast<Type>(random.below(types));
    schema->fields.push_back({random.text(12), type, true});
  }
  Batch batch;
  batch.schema = schema;
  batch.rows = sizes[random.below(std::size(sizes))];
  batch.columns = std::vector<Column>(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    fill(random, schema->fields[i].type, batch.columns[i], batch.rows);
  }
  return batch;
}

std::string csv_of(const Batch& batch, const CsvOptions& options) {
  Buffer out;
  out.append("before");  // stays
  argus::write_csv(batch, options, out);
  const std::string all(reinterpret_cast<const char*>(out.data()), out.size());
  CHECK(all.starts_with("before"));
  return all.substr(6);
}

void any_batch_is_written_as_the_plain_writer_does() {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    const CsvOptions options{random.one_in(2), ",;\t|.e0"[random.below(7)],
                             random.one_in(2) ? "\r\n" : "\n"};
    const Batch batch = random_batch(random);
    const std::string expected = plain_csv(batch, options);
    const std::string actual = csv_of(batch, options);
    CHECK(actual == expected);
    if (actual != expected) {
      const auto differs = std::mismatch(actual.begin(), actual.end(), expected.begin(),
                                         expected.end());
      const auto from = std::max<std::ptrdiff_t>(0, differs.first - actual.begin() - 60);
      std::fprintf(stderr, "round %d:\n%s\ninstead of\n%s\n", round,
                   actual.substr(static_cast<std::size_t>(from), 120).c_str(),
                   expected.substr(static_cast<std::size_t>(from), 120).c_str());
      return;
    }
  }
}

template <class T>
void check_float(T value, int guess) {
  char digits[argus::digits_room];
  int decimals = guess;
  const std::string actual(digits, argus::put_float(digits, value, decimals));
  CHECK(actual == plain_float(value));
  if (actual != plain_float(value)) {
    std::fprintf(stderr, "%s instead of %s\n", actual.c_str(), plain_float(value).c_str());
  }
}

// Whatever number of decimals is guessed.
void floats_have_the_shortest_digits() {
  Random random(2);
  for (int i = 0; i < 300'000; ++i) {
    check_float(random.real<double>(), static_cast<int>(random.below(25)));
    check_float(random.real<float>(), static_cast<int>(random.below(25)));
  }
  for (std::uint32_t ticks = 0; ticks < 200'000; ++ticks) {
    check_float(ticks / 10'000.0, 4);
    check_float((4'294'967'295u - ticks) / 10'000.0, 4);
    check_float(static_cast<float>(ticks) / 1'000.0f, 3);
  }
  check_float(2251799813685248.25, 0);  // a tie between ...48.2 and ...48.3
  check_float(2251799813685248.75, 9);
}

void integers_have_all_their_digits() {
  Random random(3);
  const auto check = [](auto value) {
    char digits[argus::digits_room];
    CHECK(std::string(digits, argus::put_integer(digits, value)) == number(value));
  };
  for (int i = 0; i < 100'000; ++i) {
    check(random.integer<std::uint64_t>());
    check(random.integer<std::int64_t>());
    check(random.integer<std::int32_t>());
    check(random.integer<std::int16_t>());
    check(static_cast<std::uint64_t>(i));
  }
}

}  // namespace

int main() {
  integers_have_all_their_digits();
  floats_have_the_shortest_digits();
  any_batch_is_written_as_the_plain_writer_does();
  return argus::test::result();
}
