// DLT messages out of a stream that may be damaged, into the table `messages`.
//
// There is no checksum and no end mark. A candidate at a pattern is believed by this evidence:
//  - its header is of version 1 (or names none) and its length holds the header;
//  - where a pattern or the recording's end follows and its arguments fill it exactly, it is
//    believed; also where a whole header follows, unless messages inside it lead, one by one,
//    exactly to its end: then its length swallowed its neighbours;
//  - otherwise it is believed unless a pattern inside it begins a message that is itself followed
//    by one (a mere pattern may belong to its payload), or its arguments reach beyond its end.
// What is not believed is quarantined up to the next pattern, so that one fault costs one message.
#include <algorithm>
#include <bit>
#include <string>

#include "argus/dlt.hpp"
#include "argus/text.hpp"

namespace argus::dlt {
namespace {

enum ColumnIndex : std::size_t {
  col_offset,
  col_size,
  col_storage_time,
  col_uptime,
  col_counter,
  col_ecu,
  col_session,
  col_app,
  col_context,
  col_type,
  col_subtype,
  col_severity,
  col_verbose,
  col_message_id,
  col_service,
  col_text,
  col_payload,
  col_note,
};

[[nodiscard]] std::shared_ptr<const Schema> messages_schema() {
  return std::make_shared<const Schema>(Schema{"messages",
                                               {{"offset", Type::uint64},
                                                {"size", Type::uint32},
                                                {"storage_time", Type::timestamp, true},
                                                {"uptime_s", Type::float64, true},
                                                {"counter", Type::uint8},
                                                {"ecu", Type::dictionary, true},
                                                {"session_id", Type::uint32, true},
                                                {"app", Type::dictionary, true},
                                                {"context", Type::dictionary, true},
                                                {"type", Type::dictionary, true},
                                                {"subtype", Type::dictionary, true},
                                                {"severity", Type::dictionary, true},
                                                {"verbose", Type::boolean},
                                                {"message_id", Type::uint32, true},
                                                {"service", Type::dictionary, true},
                                                {"text", Type::utf8, true},
                                                {"payload", Type::binary, true},
                                                {"note", Type::dictionary, true}}});
}

[[nodiscard]] std::string type_name(std::uint8_t type) {
  static constexpr std::string_view names[] = {"log", "app_trace", "network_trace", "control"};
  return type < std::size(names) ? std::string(names[type]) : "reserved " + std::to_string(type);
}

// The names of the standard's sub-types, per type and from 1 on.
[[nodiscard]] std::string subtype_name(std::uint8_t type, std::uint8_t subtype) {
  static constexpr std::string_view log[] = {"fatal", "error", "warn", "info", "debug", "verbose"};
  static constexpr std::string_view app[] = {"variable", "function_in", "function_out", "state",
                                             "vfb"};
  static constexpr std::string_view network[] = {"ipc",  "can",      "flexray",
                                                 "most", "ethernet", "someip"};
  static constexpr std::string_view control[] = {"request", "response", "time"};
  std::span<const std::string_view> names;
  switch (type) {
    case 0:
      names = log;
      break;
    case 1:
      names = app;
      break;
    case 2:
      names = network;
      break;
    case 3:
      names = control;
      break;
    default:
      break;
  }
  if (subtype >= 1 && subtype <= names.size()) return std::string(names[subtype - 1]);
  return "reserved " + std::to_string(subtype);
}

[[nodiscard]] std::string id_text(const Id& id) {
  std::size_t size = 0;
  while (size < id.size() && id[size] != 0) ++size;
  return safe_text(Bytes(id).first(size));
}

[[nodiscard]] std::string notes_text(std::uint32_t notes) {
  std::string text;
  for (std::uint32_t kind = 0; kind < note_kinds; ++kind) {
    if ((notes & (1u << kind)) == 0) continue;
    if (!text.empty()) text += "; ";
    text += note_text(1u << kind);
  }
  return text;
}

constexpr std::string_view reason_between = "bytes that belong to no DLT message";
constexpr std::string_view reason_too_long =
    "damaged message: its length reaches into other messages";

class MessageDecoder final : public Decoder {
 public:
  explicit MessageDecoder(Output& output) : output_(output), table_(messages_schema()) {}

  Progress decode(const Window& window) override;
  void flush() override {
    if (table_.rows() > 0) output_.batches.push_back(table_.finish());
  }

 private:
  enum class Belief : std::uint8_t { believed, rejected, undecided };

  [[nodiscard]] Belief judge(Bytes bytes, bool last, std::size_t& wanted);
  [[nodiscard]] Rendered render(Bytes message);
  void add_row(std::uint64_t offset, const Rendered& rendered, Bytes message);
  void add_kind();
  void count_raw(const Rendered& rendered);

  Output& output_;
  TableBuilder table_;
  Header header_;
  Rendered rendered_;
  std::string reason_{reason_between};
};

Progress MessageDecoder::decode(const Window& window) {
  const Bytes bytes = window.bytes;
  std::size_t at = 0;
  for (;;) {
    const std::size_t found = find_pattern(bytes, at);
    if (found == bytes.size()) {
      // The last three bytes may be the beginning of a pattern.
      const std::size_t kept = window.last ? 0 : std::min(bytes.size() - at, pattern_size - 1);
      const std::size_t end = bytes.size() - kept;
      output_.faults.add(window.offset + at, end - at, reason_);
      return {end, pattern_size};
    }
    output_.faults.add(window.offset + at, found - at, reason_);
    at = found;
    std::size_t wanted = 0;
    switch (judge(bytes.subspan(at), window.last, wanted)) {
      case Belief::undecided:
        return {at, wanted};
      case Belief::believed:
        add_row(window.offset + at, rendered_, bytes.subspan(at, header_.size));
        at += header_.size;
        reason_ = reason_between;
        break;
      case Belief::rejected:
        table_.drop_row();
        output_.faults.add(window.offset + at, pattern_size, reason_);
        at += pattern_size;
        break;
    }
  }
}

// So many patterns inside a message are looked at, and so many messages behind one of them: more
// tell nothing new, and no recording can make the search long.
constexpr int most_inner = 16;
constexpr int longest_chain = 64;

[[nodiscard]] bool header_at(Bytes bytes, Header& header) noexcept {
  std::size_t wanted = 0;
  return framing_at(bytes) && read_header(bytes, header, wanted) == HeaderState::complete;
}

// Do messages from a pattern inside `message` on follow each other exactly to its end?
[[nodiscard]] bool holds_chain(Bytes message) noexcept {
  std::size_t inner = pattern_size;
  for (int tried = 0; tried < most_inner; ++tried, inner += pattern_size) {
    inner = find_pattern(message, inner);
    if (inner == message.size()) return false;
    std::size_t at = inner;
    Header header;
    for (int length = 0; at < message.size() && header_at(message.subspan(at), header); ++length) {
      if (length == longest_chain) return true;
      at += header.size;
    }
    if (at == message.size()) return true;
  }
  return false;
}

enum class Inner : std::uint8_t { none, confirmed, more_bytes };

// Does a pattern in the first `end` bytes begin a message that ends where another one, or the end
// of the recording, follows? Looks beyond `end`.
[[nodiscard]] Inner find_inner_message(Bytes bytes, std::size_t end, bool last,
                                       std::size_t& wanted) noexcept {
  // A pattern that begins inside and ends outside counts as well.
  const Bytes searched = bytes.first(std::min(bytes.size(), end + pattern_size - 1));
  std::size_t inner = pattern_size;
  for (int tried = 0; tried < most_inner; ++tried, inner += pattern_size) {
    inner = find_pattern(searched, inner);
    if (inner >= end) return Inner::none;
    const Bytes rest = bytes.subspan(inner);
    Header header;
    const HeaderState state = read_header(rest, header, wanted);
    wanted += inner;
    if (state == HeaderState::more_bytes && !last) return Inner::more_bytes;
    if (state != HeaderState::complete) continue;
    wanted = inner + header.size + pattern_size;
    if (bytes.size() < wanted && !last) return Inner::more_bytes;
    const bool followed = rest.size() == header.size ||
                          (rest.size() > header.size && framing_at(rest.subspan(header.size)));
    if (followed) return Inner::confirmed;
  }
  return Inner::none;
}

// Decide about the candidate at the front. Leaves its header in `header_`, its payload in
// `rendered_` and in the table's text, and the reason in `reason_` where it is rejected.
MessageDecoder::Belief MessageDecoder::judge(Bytes bytes, bool last, std::size_t& wanted) {
  switch (read_header(bytes, header_, wanted)) {
    case HeaderState::complete:
      break;
    case HeaderState::more_bytes:
      if (!last) return Belief::undecided;
      reason_ = "message torn off inside its header by the end of the recording";
      return Belief::rejected;
    case HeaderState::bad_version:
      reason_ = "damaged message: its header is not of DLT version 1";
      return Belief::rejected;
    case HeaderState::bad_length:
      reason_ = "damaged message: its length is smaller than its header";
      return Belief::rejected;
  }
  const std::size_t end = header_.size;
  if (bytes.size() < end && last) {
    reason_ = "damaged or torn message: it reaches beyond the end of the recording";
    return Belief::rejected;
  }
  wanted = end + pattern_size;
  if (bytes.size() < wanted && !last) return Belief::undecided;

  const Bytes message = bytes.first(end);
  rendered_ = render(message);
  const Bytes after = bytes.subspan(end);
  const bool pattern_follows = after.empty() || framing_at(after).has_value();
  if (pattern_follows && rendered_.fit == Fit::exact) return Belief::believed;

  // From here on it takes a closer look; most recordings never get here, or only seldom.
  Header next;
  const HeaderState next_state = after.empty()     ? HeaderState::complete
                                 : pattern_follows ? read_header(after, next, wanted)
                                                   : HeaderState::bad_version;
  if (next_state == HeaderState::more_bytes && !last) {
    wanted += end;
    table_.drop_row();
    return Belief::undecided;
  }
  if (next_state == HeaderState::complete || next_state == HeaderState::more_bytes) {
    if (!holds_chain(message)) return Belief::believed;
    reason_ = reason_too_long;
    return Belief::rejected;
  }
  switch (find_inner_message(bytes, end, last, wanted)) {
    case Inner::more_bytes:
      table_.drop_row();
      return Belief::undecided;
    case Inner::confirmed:
      reason_ = reason_too_long;
      return Belief::rejected;
    case Inner::none:
      break;
  }
  if (pattern_follows || rendered_.fit != Fit::too_short) return Belief::believed;
  reason_ = "damaged message: its arguments reach beyond its length";
  return Belief::rejected;
}

Rendered MessageDecoder::render(Bytes message) {
  const Bytes payload = message.subspan(header_.payload_offset);
  Buffer& text = table_.text(col_text);
  if (header_.is_control()) return render_control(payload, header_, text);
  if (header_.verbose) {
    return render_arguments(payload, header_.arguments, header_.big_endian, text);
  }
  Rendered raw;
  if (payload.size() < 4) {
    raw.notes = note_short_message_id;
    raw.raw = payload;
  } else {
    raw.raw = payload.subspan(4);
  }
  return raw;
}

void MessageDecoder::add_row(std::uint64_t offset, const Rendered& rendered, Bytes message) {
  const Header& h = header_;
  table_.begin_row();
  table_.set<std::uint64_t>(col_offset, offset);
  table_.set<std::uint32_t>(col_size, static_cast<std::uint32_t>(h.size));
  if (h.framing == Framing::storage) {
    table_.set<std::int64_t>(col_storage_time, h.storage_seconds * 1'000'000'000 +
                                                   std::int64_t{h.storage_microseconds} * 1'000);
  } else {
    table_.set_null(col_storage_time);
  }
  if (h.timestamp) {
    table_.set<double>(col_uptime, *h.timestamp / 10'000.0);
  } else {
    table_.set_null(col_uptime);
  }
  table_.set<std::uint8_t>(col_counter, h.counter);
  const auto set_id = [this](std::size_t column, const Id& id) {
    table_.set_key(column, load_little<std::uint32_t>(id.data()), [&id] { return id_text(id); });
  };
  if (h.framing == Framing::storage || h.ecu != Id{}) {
    set_id(col_ecu, h.ecu);
  } else {
    table_.set_null(col_ecu);
  }
  if (h.session) {
    table_.set<std::uint32_t>(col_session, *h.session);
  } else {
    table_.set_null(col_session);
  }
  if (h.extended) {
    set_id(col_app, h.app);
    set_id(col_context, h.context);
  } else {
    table_.set_null(col_app);
    table_.set_null(col_context);
  }
  add_kind();
  table_.set_boolean(col_verbose, h.verbose);

  const bool non_verbose = !h.verbose && !h.is_control();
  const Bytes payload = message.subspan(h.payload_offset);
  if (non_verbose && payload.size() >= 4) {
    table_.set<std::uint32_t>(col_message_id, load<std::uint32_t>(payload.data(), h.big_endian));
  } else {
    table_.set_null(col_message_id);
  }
  if (h.is_control() && payload.size() >= 4) {
    const auto service = load<std::uint32_t>(payload.data(), h.big_endian);
    table_.set_key(col_service, service, [service] {
      const std::string_view name = service_name(service);
      if (!name.empty()) return std::string(name);
      Buffer hex;
      const std::uint32_t swapped =
          std::endian::native == std::endian::little ? swap_bytes(service) : service;
      append_hex(hex, {reinterpret_cast<const std::uint8_t*>(&swapped), 4});
      return "0x" + std::string(reinterpret_cast<const char*>(hex.data()), hex.size());
    });
  } else {
    table_.set_null(col_service);
  }
  if (non_verbose) {
    table_.set_null(col_text);
  } else {
    table_.set_text(col_text);
  }
  if (non_verbose || !rendered.raw.empty()) {
    table_.set_bytes(col_payload, rendered.raw);
  } else {
    table_.set_null(col_payload);
  }
  if (rendered.notes != 0) {
    table_.set_key(col_note, rendered.notes, [&rendered] { return notes_text(rendered.notes); });
  } else {
    table_.set_null(col_note);
  }
  table_.end_row();
  output_.decoded(h.size);
  count_raw(rendered);
  if (table_.rows() >= batch_rows || table_.text(col_text).size() >= batch_bytes ||
      table_.text(col_payload).size() >= batch_bytes) {
    flush();
  }
}

void MessageDecoder::add_kind() {
  const Header& h = header_;
  if (!h.extended) {
    table_.set_null(col_type);
    table_.set_null(col_subtype);
    table_.set_null(col_severity);
    return;
  }
  table_.set_key(col_type, h.type, [&h] { return type_name(h.type); });
  table_.set_key(col_subtype, h.type * 16u + h.subtype,
                 [&h] { return subtype_name(h.type, h.subtype); });
  const bool is_log = h.type == static_cast<std::uint8_t>(MessageType::log);
  if (is_log && h.subtype >= 1 && h.subtype <= 6) {
    table_.set_key(col_severity, h.subtype, [&h] { return subtype_name(h.type, h.subtype); });
  } else {
    table_.set_null(col_severity);
  }
}

void MessageDecoder::count_raw(const Rendered& rendered) {
  if (!header_.verbose && !header_.is_control()) {
    output_.count_undecoded(non_verbose_kind);
  }
  // The other notes tell what is odd about a message of which every byte was decoded.
  for (std::uint32_t notes = rendered.raw.empty() ? 0 : rendered.notes; notes != 0;
       notes &= notes - 1) {
    output_.count_undecoded(note_text(notes & (~notes + 1)));
  }
}

}  // namespace

Recognition recognise(const Window& window, bool /*at_start*/) {
  Header header;
  std::size_t wanted = 0;
  switch (read_header(window.bytes, header, wanted)) {
    case HeaderState::complete:
      return {Likeness::yes};
    case HeaderState::more_bytes:
      // A recording that ends inside its first header is still one of DLT.
      return window.last ? Recognition{Likeness::yes} : Recognition{Likeness::unknown, wanted};
    default:
      return {Likeness::no};
  }
}

std::unique_ptr<Decoder> make_decoder(const DecoderSetup& setup) {
  return std::make_unique<MessageDecoder>(*setup.output);
}

}  // namespace argus::dlt
