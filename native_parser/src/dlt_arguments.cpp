#include <bit>

#include "argus/dlt.hpp"
#include "argus/text.hpp"

namespace argus::dlt {
namespace {

// Bits of an argument's type info.
constexpr std::uint32_t tyle_mask = 0x0F;
constexpr std::uint32_t type_bool = 0x10;
constexpr std::uint32_t type_sint = 0x20;
constexpr std::uint32_t type_uint = 0x40;
constexpr std::uint32_t type_floa = 0x80;
constexpr std::uint32_t type_aray = 0x100;
constexpr std::uint32_t type_strg = 0x200;
constexpr std::uint32_t type_rawd = 0x400;
constexpr std::uint32_t with_vari = 0x800;
constexpr std::uint32_t with_fixp = 0x1000;
constexpr std::uint32_t type_trai = 0x2000;
constexpr std::uint32_t type_stru = 0x4000;
constexpr std::uint32_t scod_mask = 0x38000;
constexpr std::uint32_t scod_hex = 0x10000;
constexpr std::uint32_t scod_binary = 0x18000;

using Wide = unsigned __int128;

// Takes numbers and stretches off the front; once it ran short it stays so.
class Reader {
 public:
  Reader(Bytes bytes, bool big_endian) noexcept : bytes_(bytes), big_(big_endian) {}

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] Bytes left() const noexcept { return bytes_; }

  template <class T>
  [[nodiscard]] T take() noexcept {
    const Bytes from = stretch(sizeof(T));
    return good_ ? load<T>(from.data(), big_) : T{};
  }
  [[nodiscard]] Wide take_wide() noexcept {
    const auto first = take<std::uint64_t>();
    const auto second = take<std::uint64_t>();
    return big_ ? (Wide{first} << 64) | second : (Wide{second} << 64) | first;
  }
  [[nodiscard]] Bytes stretch(std::size_t size) noexcept {
    if (!good_ || bytes_.size() < size) {
      good_ = false;
      return {};
    }
    const Bytes taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

 private:
  Bytes bytes_;
  bool big_;
  bool good_ = true;
};

// A text's end mark is part of its length; some writers pad with several.
[[nodiscard]] Bytes without_end_marks(Bytes text) noexcept {
  while (!text.empty() && text.back() == 0) text = text.first(text.size() - 1);
  return text;
}

struct Variable {
  Bytes name;
  Bytes unit;
};

struct FixedPoint {
  float quantisation = 1;
  double offset = 0;
};

struct Value {
  Wide bits = 0;
  unsigned width = 0;  // bits
};

[[nodiscard]] Value take_value(Reader& in, std::uint32_t tyle) noexcept {
  switch (tyle) {
    case 1:
      return {in.take<std::uint8_t>(), 8};
    case 2:
      return {in.take<std::uint16_t>(), 16};
    case 3:
      return {in.take<std::uint32_t>(), 32};
    case 4:
      return {in.take<std::uint64_t>(), 64};
    default:
      return {in.take_wide(), 128};
  }
}

[[nodiscard]] __int128 as_signed(const Value& value) noexcept {
  const unsigned unused = 128 - value.width;
  return static_cast<__int128>(value.bits << unused) >> unused;
}

void append_decimal(Buffer& text, const Value& value, bool is_signed) {
  if (is_signed) {
    const __int128 number = as_signed(value);
    if (value.width <= 64) return append_integer(text, static_cast<std::int64_t>(number));
    const Wide magnitude = number < 0 ? Wide{0} - static_cast<Wide>(number) : Wide(number);
    return append_integer128(text, magnitude, number < 0);
  }
  if (value.width <= 64) return append_integer(text, static_cast<std::uint64_t>(value.bits));
  append_integer128(text, value.bits, false);
}

void append_digits(Buffer& text, const Value& value, bool binary) {
  static constexpr char digits[] = "0123456789abcdef";
  text.append(binary ? "0b" : "0x");
  const unsigned step = binary ? 1 : 4;
  for (unsigned shift = value.width; shift > 0; shift -= step) {
    if (binary && shift != value.width && shift % 4 == 0) text.push(' ');
    const auto digit = static_cast<unsigned>(value.bits >> (shift - step)) & (binary ? 1u : 15u);
    text.push(static_cast<std::uint8_t>(digits[digit]));
  }
}

void append_name(Buffer& text, const Variable& variable) {
  if (variable.name.empty()) return;
  append_safe_text(text, variable.name);
  text.append(": ");
}

void append_unit(Buffer& text, const Variable& variable) {
  if (variable.unit.empty()) return;
  text.push(' ');
  append_safe_text(text, variable.unit);
}

[[nodiscard]] Variable take_name(Reader& in, std::uint32_t info) noexcept {
  if ((info & with_vari) == 0) return {};
  const auto size = in.take<std::uint16_t>();
  return {without_end_marks(in.stretch(size)), {}};
}

[[nodiscard]] Variable take_name_and_unit(Reader& in, std::uint32_t info) noexcept {
  if ((info & with_vari) == 0) return {};
  const auto name_size = in.take<std::uint16_t>();
  const auto unit_size = in.take<std::uint16_t>();
  const Bytes name = without_end_marks(in.stretch(name_size));
  return {name, without_end_marks(in.stretch(unit_size))};
}

[[nodiscard]] FixedPoint take_fixed_point(Reader& in, std::uint32_t tyle) noexcept {
  FixedPoint fixed;
  fixed.quantisation = std::bit_cast<float>(in.take<std::uint32_t>());
  if (tyle <= 3) {
    fixed.offset = static_cast<std::int32_t>(in.take<std::uint32_t>());
  } else if (tyle == 4) {
    fixed.offset = static_cast<double>(static_cast<std::int64_t>(in.take<std::uint64_t>()));
  } else {
    fixed.offset = static_cast<double>(static_cast<__int128>(in.take_wide()));
  }
  return fixed;
}

enum class Outcome : std::uint8_t { done, too_long, raw };

[[nodiscard]] Outcome render_integer(Reader& in, std::uint32_t info, Buffer& text) {
  const std::uint32_t tyle = info & tyle_mask;
  const bool is_signed = (info & type_sint) != 0;
  const Variable variable = take_name_and_unit(in, info);
  const bool fixed = (info & with_fixp) != 0;
  const FixedPoint scale = fixed ? take_fixed_point(in, tyle) : FixedPoint{};
  const Value value = take_value(in, tyle);
  if (!in.good()) return Outcome::too_long;
  append_name(text, variable);
  const std::uint32_t scod = info & scod_mask;
  if (fixed) {
    // Physical value = raw * quantisation + offset (PRS Log and Trace Protocol, FIXP).
    const double raw =
        is_signed ? static_cast<double>(as_signed(value)) : static_cast<double>(value.bits);
    append_float(text, raw * static_cast<double>(scale.quantisation) + scale.offset);
  } else if (scod == scod_hex || scod == scod_binary) {
    append_digits(text, value, scod == scod_binary);
  } else {
    append_decimal(text, value, is_signed);
  }
  append_unit(text, variable);
  return Outcome::done;
}

[[nodiscard]] Outcome render_float(Reader& in, std::uint32_t info, bool big_endian, Buffer& text,
                                   std::uint32_t& notes) {
  const std::uint32_t tyle = info & tyle_mask;
  const Variable variable = take_name_and_unit(in, info);
  const std::size_t size = std::size_t{1} << (tyle - 1);
  const Bytes raw = in.stretch(size);
  if (!in.good()) return Outcome::too_long;
  Reader value(raw, big_endian);
  append_name(text, variable);
  switch (tyle) {
    case 2:
      append_float(text, half_to_float(value.take<std::uint16_t>()));
      break;
    case 3:
      append_float(text, std::bit_cast<float>(value.take<std::uint32_t>()));
      break;
    case 4:
      append_float(text, std::bit_cast<double>(value.take<std::uint64_t>()));
      break;
    default:
      append_hex(text, raw, '\'');
      notes |= note_float128;
  }
  append_unit(text, variable);
  return Outcome::done;
}

[[nodiscard]] Outcome render_bool(Reader& in, std::uint32_t info, Buffer& text) {
  const Variable variable = take_name(in, info);
  const auto value = in.take<std::uint8_t>();
  if (!in.good()) return Outcome::too_long;
  append_name(text, variable);
  append_integer(text, value);
  return Outcome::done;
}

[[nodiscard]] Outcome render_stretch(Reader& in, std::uint32_t info, Buffer& text) {
  const auto size = in.take<std::uint16_t>();
  const Variable variable = take_name(in, info);
  const Bytes data = in.stretch(size);
  if (!in.good()) return Outcome::too_long;
  append_name(text, variable);
  if ((info & type_strg) != 0) {
    append_safe_text(text, without_end_marks(data));
  } else {
    append_hex(text, data, '\'');
  }
  return Outcome::done;
}

[[nodiscard]] Outcome render_argument(Reader& in, std::uint32_t info, bool big_endian, Buffer& text,
                                      std::uint32_t& notes) {
  const std::uint32_t tyle = info & tyle_mask;
  if ((info & type_aray) != 0) {
    notes |= note_aray;
  } else if ((info & type_stru) != 0) {
    notes |= note_stru;
  } else if ((info & type_trai) != 0) {
    notes |= note_trai;
  } else if ((info & (type_strg | type_rawd)) != 0) {
    return render_stretch(in, info, text);
  } else if ((info & type_bool) != 0) {
    return render_bool(in, info, text);
  } else if ((info & (type_sint | type_uint)) != 0 && tyle >= 1 && tyle <= 5) {
    return render_integer(in, info, text);
  } else if ((info & type_floa) != 0 && tyle >= 2 && tyle <= 5) {
    return render_float(in, info, big_endian, text, notes);
  } else {
    notes |= note_unknown_type;
  }
  return Outcome::raw;
}

// Passes over an argument's value as render_argument reads it.
[[nodiscard]] Outcome skip_argument(Reader& in, std::uint32_t info, std::uint32_t& notes) noexcept {
  const std::uint32_t tyle = info & tyle_mask;
  const auto skip = [&in](std::size_t size) { static_cast<void>(in.stretch(size)); };
  if ((info & type_aray) != 0) {
    notes |= note_aray;
    return Outcome::raw;
  }
  if ((info & type_stru) != 0) {
    notes |= note_stru;
    return Outcome::raw;
  }
  if ((info & type_trai) != 0) {
    notes |= note_trai;
    return Outcome::raw;
  }
  if ((info & (type_strg | type_rawd)) != 0) {
    const auto size = in.take<std::uint16_t>();
    static_cast<void>(take_name(in, info));
    skip(size);
  } else if ((info & type_bool) != 0) {
    static_cast<void>(take_name(in, info));
    skip(1);
  } else if ((info & (type_sint | type_uint)) != 0 && tyle >= 1 && tyle <= 5) {
    static_cast<void>(take_name_and_unit(in, info));
    if ((info & with_fixp) != 0) skip(4 + (tyle <= 3 ? 4u : tyle == 4 ? 8u : 16u));
    skip(std::size_t{1} << (tyle - 1));
  } else if ((info & type_floa) != 0 && tyle >= 2 && tyle <= 5) {
    static_cast<void>(take_name_and_unit(in, info));
    skip(std::size_t{1} << (tyle - 1));
    if (tyle == 5 && in.good()) notes |= note_float128;
  } else {
    notes |= note_unknown_type;
    return Outcome::raw;
  }
  return in.good() ? Outcome::done : Outcome::too_long;
}

// Takes the announced arguments off a payload, each by `take(in, info, index)`, and says how they
// fit.
template <class Take>
[[nodiscard]] Rendered walk_arguments(Bytes payload, unsigned count, bool big_endian,
                                      const Take& take) {
  Rendered walked;
  walked.fit = Fit::exact;
  Reader in(payload, big_endian);
  for (unsigned i = 0; i < count; ++i) {
    const Bytes from = in.left();
    if (from.empty()) {
      walked.notes |= note_missing_arguments;
      walked.fit = Fit::too_short;
      return walked;
    }
    const auto info = in.take<std::uint32_t>();
    const Outcome outcome = in.good() ? take(in, info, i, walked.notes) : Outcome::too_long;
    if (outcome == Outcome::done) continue;
    walked.raw = from;
    walked.fit = outcome == Outcome::raw ? Fit::unknown : Fit::too_short;
    if (outcome == Outcome::too_long) walked.notes |= note_argument_too_long;
    return walked;
  }
  if (!in.left().empty()) {
    walked.notes |= note_trailing_bytes;
    walked.fit = Fit::trailing;
    walked.raw = in.left();
  }
  return walked;
}

}  // namespace

Rendered measure_arguments(Bytes payload, unsigned count, bool big_endian) noexcept {
  return walk_arguments(payload, count, big_endian,
                        [](Reader& in, std::uint32_t info, unsigned, std::uint32_t& notes) {
                          return skip_argument(in, info, notes);
                        });
}

Rendered measure_payload(Bytes message, Header& header) noexcept {
  const Bytes payload = message.subspan(header.payload_offset);
  if (header.version != 1 && header.is_control() && payload.size() >= 4) {
    // The services' numbers are small.
    constexpr std::uint32_t beyond_services = 0x10000;
    header.big_endian = load_little<std::uint32_t>(payload.data()) >= beyond_services &&
                        load_big<std::uint32_t>(payload.data()) < beyond_services;
  }
  if (!header.verbose || header.segmented) return {Fit::unknown, 0, payload};
  const Rendered little_or_known = measure_arguments(payload, header.arguments, header.big_endian);
  if (header.version == 1 || little_or_known.fit == Fit::exact) return little_or_known;
  const Rendered big = measure_arguments(payload, header.arguments, true);
  if (big.fit != Fit::exact) return little_or_known;
  header.big_endian = true;
  return big;
}

Rendered render_arguments(Bytes payload, unsigned count, bool big_endian, Buffer& text) {
  return walk_arguments(
      payload, count, big_endian,
      [big_endian, &text](Reader& in, std::uint32_t info, unsigned index, std::uint32_t& notes) {
        const std::size_t mark = text.size();
        if (index != 0) text.push(' ');
        const Outcome outcome = render_argument(in, info, big_endian, text, notes);
        if (outcome != Outcome::done) text.truncate(mark);
        return outcome;
      });
}

std::string_view note_text(std::uint32_t bit) noexcept {
  switch (bit) {
    case note_aray:
      return "ARAY argument kept raw";
    case note_stru:
      return "STRU argument kept raw";
    case note_trai:
      return "TRAI argument kept raw";
    case note_unknown_type:
      return "argument of unknown type kept raw";
    case note_float128:
      return "128-bit float shown as bytes";
    case note_argument_too_long:
      return "argument longer than the message kept raw";
    case note_missing_arguments:
      return "fewer arguments than announced";
    case note_trailing_bytes:
      return "bytes after the last argument kept raw";
    case note_short_control:
      return "control message shorter than its service needs";
    case note_short_message_id:
      return "payload too short for a message id";
    case note_segmented:
      return "segment of a longer message kept raw";
    case note_catalogue_lacks:
      return "message id that the catalogue lacks";
    case note_catalogue_differs:
      return "payload that does not fit the catalogue";
    default:
      return {};
  }
}

}  // namespace argus::dlt
