// Control messages: services of PRS Log and Trace Protocol (0x01..) and of GENIVI's daemon
// (0xF01..).
#include "argus/dlt.hpp"
#include "argus/text.hpp"

namespace argus::dlt {
namespace {

constexpr std::uint8_t subtype_response = 2;

constexpr std::uint32_t set_log_level = 0x01;
constexpr std::uint32_t set_trace_status = 0x02;
constexpr std::uint32_t get_log_info = 0x03;
constexpr std::uint32_t get_default_log_level = 0x04;
constexpr std::uint32_t set_default_log_level = 0x11;
constexpr std::uint32_t set_default_trace_status = 0x12;
constexpr std::uint32_t get_software_version = 0x13;
constexpr std::uint32_t message_buffer_overflow = 0x14;
constexpr std::uint32_t unregister_context = 0xF01;
constexpr std::uint32_t connection_info = 0xF02;
constexpr std::uint32_t timezone_service = 0xF03;
constexpr std::uint32_t marker = 0xF04;

// Status of a GetLogInfo response that carries a list: which details each context has.
constexpr std::uint8_t with_ids_only = 3;
constexpr std::uint8_t with_log_level = 4;
constexpr std::uint8_t with_trace_status = 5;
constexpr std::uint8_t with_both = 6;
constexpr std::uint8_t with_descriptions = 7;

[[nodiscard]] std::string_view status_name(std::uint8_t status) noexcept {
  switch (status) {
    case 0:
      return "ok";
    case 1:
      return "not supported";
    case 2:
      return "error";
    case 8:
      return "no matching context";
    case 9:
      return "response too long";
    default:
      return {};
  }
}

[[nodiscard]] std::string_view level_name(std::uint8_t level) noexcept {
  static constexpr std::string_view names[] = {"off",  "fatal", "error",  "warn",
                                               "info", "debug", "verbose"};
  if (level < std::size(names)) return names[level];
  return level == 0xFF ? "default" : std::string_view{};
}

class Details {
 public:
  Details(Bytes bytes, bool big_endian, Buffer& text) noexcept
      : bytes_(bytes), big_(big_endian), text_(text) {}

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] Bytes left() const noexcept { return bytes_; }

  template <class T>
  [[nodiscard]] T take() noexcept {
    const Bytes from = stretch(sizeof(T));
    return good_ ? load<T>(from.data(), big_) : T{};
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

  void words(std::string_view text) { text_.append(text); }
  // A four-byte id without its padding.
  void id() {
    Bytes raw = stretch(4);
    while (!raw.empty() && raw.back() == 0) raw = raw.first(raw.size() - 1);
    if (good_) append_safe_text(text_, raw.empty() ? Bytes{dash_} : raw);
  }
  void level() {
    const auto value = take<std::uint8_t>();
    if (!good_) return;
    const std::string_view name = level_name(value);
    if (name.empty()) {
      append_integer(text_, value);
    } else {
      text_.append(name);
    }
  }
  void on_or_off() {
    const auto value = take<std::uint8_t>();
    if (good_) text_.append(value == 0 ? "off" : value == 0xFF ? "default" : "on");
  }
  void sized_text() { text(take<std::uint16_t>()); }
  void text(std::size_t size) {
    Bytes raw = stretch(size);
    while (!raw.empty() && raw.back() == 0) raw = raw.first(raw.size() - 1);
    append_safe_text(text_, raw);
  }
  template <class T>
  void number(T value) {
    append_integer(text_, value);
  }

 private:
  static constexpr std::uint8_t dash_[] = {'-'};
  Bytes bytes_;
  bool big_;
  bool good_ = true;
  Buffer& text_;
};

// `APID (CTID level trace "description", …) "description"; …`
void log_info(Details& in, std::uint8_t options) {
  const bool levels = options == with_log_level || options >= with_both;
  const bool traces = options == with_trace_status || options >= with_both;
  const bool described = options == with_descriptions;
  const auto apps = in.take<std::uint16_t>();
  for (unsigned a = 0; a < apps && in.good(); ++a) {
    if (a != 0) in.words("; ");
    in.id();
    in.words(" (");
    const auto contexts = in.take<std::uint16_t>();
    for (unsigned c = 0; c < contexts && in.good(); ++c) {
      if (c != 0) in.words(", ");
      in.id();
      if (levels) {
        in.words(" ");
        in.level();
      }
      if (traces) {
        in.words(" trace ");
        in.on_or_off();
      }
      if (described) {
        in.words(" \"");
        in.sized_text();
        in.words("\"");
      }
    }
    in.words(")");
    if (described) {
      in.words(" \"");
      in.sized_text();
      in.words("\"");
    }
  }
  if (in.left().size() == 4) static_cast<void>(in.stretch(4));  // the interface that asked
}

void software_version(Details& in) {
  const Bytes rest = in.left();
  Details ahead = in;
  const auto length = ahead.take<std::uint32_t>();
  if (ahead.good() && length <= ahead.left().size()) {
    static_cast<void>(in.stretch(4));
    in.text(length);
  } else {
    in.text(rest.size());  // some senders leave the length out
  }
}

void request(Details& in, std::uint32_t service) {
  switch (service) {
    case set_log_level:
    case set_trace_status:
      in.words(" ");
      in.id();
      in.words(" ");
      in.id();
      in.words(" ");
      service == set_log_level ? in.level() : in.on_or_off();
      break;
    case get_log_info:
      in.words(" options ");
      in.number(in.take<std::uint8_t>());
      in.words(" ");
      in.id();
      in.words(" ");
      in.id();
      break;
    case set_default_log_level:
      in.words(" ");
      in.level();
      break;
    case set_default_trace_status:
      in.words(" ");
      in.on_or_off();
      break;
    default:
      return;
  }
  if (in.left().size() == 4) static_cast<void>(in.stretch(4));  // the interface that asked
}

void response(Details& in, std::uint32_t service, std::uint8_t status) {
  switch (service) {
    case get_log_info:
      if (status >= with_ids_only && status <= with_descriptions) {
        in.words(": ");
        log_info(in, status);
      }
      break;
    case get_default_log_level:
      if (in.empty()) break;
      in.words(": ");
      in.level();
      break;
    case get_software_version:
      if (in.empty()) break;
      in.words(": ");
      software_version(in);
      break;
    case message_buffer_overflow:
      if (in.left().size() >= 4) {
        in.words(": lost messages ");
        in.number(in.take<std::uint32_t>());
      } else if (!in.empty()) {
        in.words(in.take<std::uint8_t>() != 0 ? ": overflow" : ": no overflow");
      }
      break;
    case unregister_context:
      in.words(": ");
      in.id();
      in.words(" ");
      in.id();
      in.words(" from ");
      in.id();
      break;
    case connection_info: {
      const auto state = in.take<std::uint8_t>();
      in.words(state == 1 ? ": disconnected " : state == 2 ? ": connected " : ": unknown state ");
      in.id();
      break;
    }
    case timezone_service: {
      in.words(": ");
      in.number(static_cast<std::int32_t>(in.take<std::uint32_t>()));
      in.words(" s from UTC");
      if (in.take<std::uint8_t>() != 0) in.words(", daylight saving");
      break;
    }
    default:
      break;
  }
}

}  // namespace

Bytes software_version_of(Bytes payload, const Header& header) noexcept {
  constexpr std::size_t service_and_status = 5;
  if (!header.is_control() || header.subtype != subtype_response ||
      payload.size() <= service_and_status ||
      load<std::uint32_t>(payload.data(), header.big_endian) != get_software_version) {
    return {};
  }
  Bytes version = payload.subspan(service_and_status);
  if (version.size() >= 4) {
    const auto length = load<std::uint32_t>(version.data(), header.big_endian);
    if (length <= version.size() - 4) version = version.subspan(4, length);
  }
  while (!version.empty() && version.back() == 0) version = version.first(version.size() - 1);
  return version;
}

std::string_view service_name(std::uint32_t id) noexcept {
  switch (id) {
    case set_log_level:
      return "set_log_level";
    case set_trace_status:
      return "set_trace_status";
    case get_log_info:
      return "get_log_info";
    case get_default_log_level:
      return "get_default_log_level";
    case 0x05:
      return "store_config";
    case 0x06:
      return "reset_to_factory_default";
    case 0x07:
      return "set_com_interface_status";
    case 0x08:
      return "set_com_interface_max_bandwidth";
    case 0x09:
      return "set_verbose_mode";
    case 0x0A:
      return "set_message_filtering";
    case 0x0B:
      return "set_timing_packets";
    case 0x0C:
      return "get_local_time";
    case 0x0D:
      return "use_ecu_id";
    case 0x0E:
      return "use_session_id";
    case 0x0F:
      return "use_timestamp";
    case 0x10:
      return "use_extended_header";
    case set_default_log_level:
      return "set_default_log_level";
    case set_default_trace_status:
      return "set_default_trace_status";
    case get_software_version:
      return "get_software_version";
    case message_buffer_overflow:
      return "message_buffer_overflow";
    case 0x15:
      return "get_default_trace_status";
    case 0x16:
      return "get_com_interface_status";
    case 0x17:
      return "get_log_channel_names";
    case 0x18:
      return "get_com_interface_max_bandwidth";
    case 0x19:
      return "get_verbose_mode_status";
    case 0x1A:
      return "get_message_filtering_status";
    case 0x1B:
      return "get_use_ecu_id";
    case 0x1C:
      return "get_use_session_id";
    case 0x1D:
      return "get_use_timestamp";
    case 0x1E:
      return "get_use_extended_header";
    case 0x1F:
      return "get_trace_status";
    case 0x20:
      return "set_log_channel_assignment";
    case 0x21:
      return "set_log_channel_threshold";
    case 0x22:
      return "get_log_channel_threshold";
    case 0x23:
      return "buffer_overflow_notification";
    case 0x24:
      return "sync_timestamp";
    case unregister_context:
      return "unregister_context";
    case connection_info:
      return "connection_info";
    case timezone_service:
      return "timezone";
    case marker:
      return "marker";
    case 0xF05:
      return "offline_logstorage";
    case 0xF06:
      return "passive_node_connect";
    case 0xF07:
      return "passive_node_connection_status";
    case 0xF08:
      return "set_all_log_level";
    case 0xF09:
      return "set_all_trace_status";
    default:
      return {};
  }
}

Rendered render_control(Bytes payload, const Header& header, Buffer& text) {
  Rendered rendered;
  Details in(payload, header.big_endian, text);
  const auto service = in.take<std::uint32_t>();
  if (!in.good()) {
    rendered.notes |= note_short_control;
    rendered.raw = payload;
    return rendered;
  }
  const std::string_view name = service_name(service);
  if (name.empty()) {
    text.append("service ");
    append_integer(text, service);
  } else {
    text.append(name);
  }
  const std::size_t mark = text.size();
  Bytes undecoded = in.left();
  if (header.subtype == subtype_response) {
    // GENIVI's daemon sends some services as responses without a status.
    if (!in.empty()) {
      const auto status = in.take<std::uint8_t>();
      const std::string_view word = status_name(status);
      const bool is_list =
          service == get_log_info && status >= with_ids_only && status <= with_descriptions;
      text.append(" ");
      if (is_list) {
        text.append("ok");
      } else if (word.empty()) {
        text.append("status ");
        append_integer(text, status);
      } else {
        text.append(word);
      }
      response(in, service, status);
    }
  } else {
    request(in, service);
  }
  if (!in.good()) {
    text.truncate(mark);
    rendered.notes |= note_short_control;
  } else {
    undecoded = in.left();
  }
  rendered.raw = undecoded;
  if (!undecoded.empty()) {
    text.push(' ');
    append_hex(text, undecoded, ' ');
  }
  return rendered;
}

}  // namespace argus::dlt
