// The second pass over a DLT recording: its messages as rows of the table `messages`.
#include <array>
#include <bit>
#include <string>
#include <unordered_map>

#include "argus/catalogue.hpp"
#include "argus/dlt.hpp"
#include "argus/scan.hpp"
#include "argus/text.hpp"
#include "dlt_names.hpp"
#include "dlt_senders.hpp"
#include "dlt_stream.hpp"

namespace argus::dlt {
namespace {

enum ColumnIndex : std::size_t {
  col_offset,
  col_size,
  col_storage_time,
  col_ecu_time,
  col_uptime,
  col_time,
  col_lifecycle,
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
  col_source_file,
  col_source_line,
  col_tags,
  col_privacy_level,
  col_note,
};

[[nodiscard]] std::shared_ptr<const Schema> messages_schema() {
  return std::make_shared<const Schema>(Schema{"messages",
                                               {{"offset", Type::uint64},
                                                {"size", Type::uint32},
                                                {"storage_time", Type::timestamp, true},
                                                {"ecu_time", Type::timestamp, true},
                                                {"uptime_s", Type::float64, true},
                                                {"time", Type::timestamp, true},
                                                {"lifecycle", Type::uint32, true},
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
                                                {"source_file", Type::dictionary, true},
                                                {"source_line", Type::uint32, true},
                                                {"tags", Type::dictionary, true},
                                                {"privacy_level", Type::uint8, true},
                                                {"note", Type::dictionary, true}}});
}

// Typical messages have some 115 bytes, short ones half of that.
constexpr std::int64_t expected_rows = segment_bytes / 96;

[[nodiscard]] std::string notes_text(std::uint32_t notes) {
  std::string text;
  for (std::uint32_t kind = 0; kind < note_kinds; ++kind) {
    if ((notes & (1u << kind)) == 0) continue;
    if (!text.empty()) text += "; ";
    text += note_text(1u << kind);
  }
  return text;
}

// Tags of version 2: a count, then a length and the text of each.
[[nodiscard]] std::string tags_text(Bytes tags) {
  std::string text;
  for (std::size_t at = 1; at < tags.size(); at += 1u + tags[at]) {
    if (!text.empty()) text += ' ';
    text += safe_text(tags.subspan(at + 1, tags[at]));
  }
  return text;
}

[[nodiscard]] std::string service_text(std::uint32_t service) {
  const std::string_view name = service_name(service);
  if (!name.empty()) return std::string(name);
  Buffer hex;
  const std::uint32_t swapped =
      std::endian::native == std::endian::little ? swap_bytes(service) : service;
  append_hex(hex, {reinterpret_cast<const std::uint8_t*>(&swapped), 4});
  return "0x" + std::string(reinterpret_cast<const char*>(hex.data()), hex.size());
}

[[nodiscard]] std::uint32_t message_id(const Header& header, Bytes payload) noexcept {
  return header.message_id ? *header.message_id
                           : load<std::uint32_t>(payload.data(), header.big_endian);
}

// The clock of the ECU that a message is of. Neighbouring messages mostly share it.
class Clocks {
 public:
  explicit Clocks(std::shared_ptr<const Scan> scan) : scan_(std::move(scan)) {}

  [[nodiscard]] const ClockSpan* span(Bytes ecu, std::uint64_t offset) {
    if (!scan_) return nullptr;
    const std::uint64_t key = id_key(ecu);
    if (newest_ == nullptr || newest_->key != key) {
      newest_ = &known(key, ecu);
    }
    Known& clock = *newest_;
    if (clock.spans == nullptr || clock.spans->empty()) return nullptr;
    const auto& spans = *clock.spans;
    if (offset < spans[clock.at].from_offset) clock.at = 0;
    while (clock.at + 1 < spans.size() && spans[clock.at + 1].from_offset <= offset) ++clock.at;
    return spans[clock.at].from_offset <= offset ? &spans[clock.at] : nullptr;
  }

 private:
  struct Known {
    std::uint64_t key;
    const std::vector<ClockSpan>* spans;
    std::size_t at = 0;
  };
  [[nodiscard]] Known& known(std::uint64_t key, Bytes ecu) {
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    return known_.emplace(key, Known{key, scan_->spans(id_text(ecu))}).first->second;
  }

  std::shared_ptr<const Scan> scan_;
  std::unordered_map<std::uint64_t, Known> known_;
  Known* newest_ = nullptr;
};

class MessageDecoder final : public MessageStream<MessageDecoder> {
 public:
  explicit MessageDecoder(const DecoderSetup& setup)
      : MessageStream(setup),
        clocks_(setup.knowledge.scan),
        catalogue_(setup.knowledge.catalogue),
        table_(messages_schema(), expected_rows) {}

  void end_segment() override {
    if (table_.rows() == 0) return;
    output().batches.push_back(table_.finish());
    senders_.forget();
    kinds_ = {};
  }

  // What MessageStream asks for.
  [[nodiscard]] Rendered measure(Bytes message, Header& header);
  void take(std::uint64_t offset, Bytes message, const Header& header, const Rendered& rendered);
  void drop() noexcept { table_.drop_row(); }

 private:
  [[nodiscard]] Rendered measure_non_verbose(Bytes payload, const Header& header);
  void set_times(std::uint64_t offset, const Header& h);
  void set_source(const Header& h);
  void set_kind(const Header& h);
  void set_content(const Header& h, Bytes payload, const Rendered& rendered);
  void set_origin(const Header& h);
  void count_raw(const Header& h, Bytes payload, const Rendered& rendered);

  [[nodiscard]] std::int32_t id_index(std::size_t column, Bytes id) {
    Dictionary& names = table_.dictionary(column);
    if (id.size() > 4) return names.index_of(id_text(id));
    return names.index(id_key(id), [id] { return id_text(id); });
  }
  void set_time(std::size_t column, std::int64_t time) {
    if (time != no_time) table_.set<std::int64_t>(column, time);
  }
  void set_index(std::size_t column, std::int32_t index) {
    if (index != no_index) table_.set<std::int32_t>(column, index);
  }
  void set_catalogue_text(std::size_t column, const CatalogueText& text) {
    if (!text.text.empty()) table_.set_key(column, text.key, [&text] { return text.text; });
  }
  template <class T>
  void set_if(std::size_t column, const std::optional<T>& value) {
    if (value) table_.set<T>(column, *value);
  }

  // Indices of texts in the dictionaries of the batch.
  static constexpr std::int32_t no_index = -1;
  struct Sender {
    std::int32_t ecu = no_index;
    std::int32_t app = no_index;
    std::int32_t context = no_index;
  };
  struct Kind {
    bool known = false;
    std::int32_t type = no_index;
    std::int32_t subtype = no_index;
    std::int32_t severity = no_index;
  };
  [[nodiscard]] Sender sender(const Header& h);
  [[nodiscard]] Kind kind(std::uint8_t type, std::uint8_t subtype);

  Clocks clocks_;
  std::shared_ptr<const Catalogue> catalogue_;
  TableBuilder table_;
  SenderCache<Sender> senders_;
  std::array<Kind, 128> kinds_{};  // by type (3 bits) and sub-type (4 bits)
  const CatalogueEntry* entry_ = nullptr;  // of the message that was measured last
};

// Renders the payload into the table's text: how it fits shows on the way.
Rendered MessageDecoder::measure(Bytes message, Header& header) {
  const Bytes payload = message.subspan(header.payload_offset);
  Buffer& text = table_.text(col_text);
  entry_ = nullptr;
  if (header.version != 1) static_cast<void>(measure_payload(message, header));
  if (header.segmented) return {Fit::unknown, note_segmented, payload};
  if (header.is_control()) return render_control(payload, header, text);
  if (header.verbose) {
    return render_arguments(payload, header.arguments, header.big_endian, text);
  }
  return measure_non_verbose(payload, header);
}

// How it fits is left unknown also where a catalogue tells: the first pass has none, and both
// passes must believe the same messages.
Rendered MessageDecoder::measure_non_verbose(Bytes payload, const Header& header) {
  Rendered rendered;
  rendered.raw = payload;
  if (!header.message_id) {
    if (payload.size() < 4) {
      rendered.notes = note_short_message_id;
      return rendered;
    }
    rendered.raw = payload.subspan(4);
  }
  if (!catalogue_) return rendered;
  const auto view = [](Bytes id) {
    return std::string_view(reinterpret_cast<const char*>(id.data()), id.size());
  };
  entry_ = catalogue_->find(message_id(header, payload), view(trimmed(header.app)),
                            view(trimmed(header.context)));
  if (entry_ == nullptr) {
    rendered.notes = note_catalogue_lacks;
  } else if (!argus::render(*entry_, rendered.raw, header.big_endian, table_.text(col_text),
                            rendered.raw)) {
    rendered.notes = note_catalogue_differs;
  } else if (!rendered.raw.empty()) {
    rendered.notes = note_trailing_bytes;
  }
  return rendered;
}

void MessageDecoder::take(std::uint64_t offset, Bytes message, const Header& header,
                          const Rendered& rendered) {
  table_.begin_row();
  table_.set<std::uint64_t>(col_offset, offset);
  table_.set<std::uint32_t>(col_size, static_cast<std::uint32_t>(header.size));
  table_.set<std::uint8_t>(col_counter, header.counter);
  set_times(offset, header);
  set_source(header);
  set_kind(header);
  set_content(header, message.subspan(header.payload_offset), rendered);
  set_origin(header);
  if (rendered.notes != 0) {
    table_.set_key(col_note, rendered.notes, [&rendered] { return notes_text(rendered.notes); });
  }
  table_.end_row();
  output().decoded(offset, header.size);
  count_raw(header, message.subspan(header.payload_offset), rendered);
  if (table_.rows() >= batch_rows || table_.text(col_text).size() >= batch_bytes ||
      table_.text(col_payload).size() >= batch_bytes) {
    end_segment();
  }
}

// Event time = the start of the lifecycle + uptime, wherever both are known.
void MessageDecoder::set_times(std::uint64_t offset, const Header& h) {
  set_time(col_storage_time, h.storage_time);
  set_time(col_ecu_time, h.ecu_time);
  if (h.uptime != no_time) {
    table_.set<double>(col_uptime, static_cast<double>(h.uptime) / 1e9);
  }
  std::int64_t time = h.ecu_time != no_time ? h.ecu_time : h.storage_time;
  if (const ClockSpan* span = clocks_.span(h.ecu, offset); span != nullptr) {
    table_.set<std::uint32_t>(col_lifecycle, span->lifecycle);
    std::int64_t corrected = 0;
    if (span->base != no_time && h.uptime != no_time &&
        !__builtin_add_overflow(span->base, h.uptime, &corrected)) {
      time = corrected;
    }
  }
  set_time(col_time, time);
}

MessageDecoder::Sender MessageDecoder::sender(const Header& h) {
  Sender found;
  if (!h.ecu.empty()) found.ecu = id_index(col_ecu, h.ecu);
  if (h.has_app) {
    found.app = id_index(col_app, h.app);
    found.context = id_index(col_context, h.context);
  }
  return found;
}

void MessageDecoder::set_source(const Header& h) {
  const Sender& known = senders_.find(h, [this, &h] { return sender(h); });
  set_index(col_ecu, known.ecu);
  set_if(col_session, h.session);
  if (h.has_app || entry_ == nullptr) {
    set_index(col_app, known.app);
    set_index(col_context, known.context);
  } else {
    set_catalogue_text(col_app, entry_->app);
    set_catalogue_text(col_context, entry_->context);
  }
}

MessageDecoder::Kind MessageDecoder::kind(std::uint8_t type, std::uint8_t subtype) {
  const auto word = [type, subtype] { return subtype_name(type, subtype); };
  Kind found{true};
  found.type = table_.dictionary(col_type).index(type, [type] { return type_name(type); });
  found.subtype = table_.dictionary(col_subtype).index(type * 16u + subtype, word);
  const bool is_log = type == static_cast<std::uint8_t>(MessageType::log);
  if (is_log && subtype >= 1 && subtype <= 6) {
    found.severity = table_.dictionary(col_severity).index(subtype, word);
  }
  return found;
}

void MessageDecoder::set_kind(const Header& h) {
  table_.set_boolean(col_verbose, h.verbose);
  std::uint8_t type = h.type;
  std::uint8_t subtype = h.subtype;
  if (!h.extended) {
    if (entry_ == nullptr || !entry_->type) return;
    type = *entry_->type;
    if (!entry_->subtype) {
      table_.set_key(col_type, type, [type] { return type_name(type); });
      return;
    }
    subtype = *entry_->subtype;
  }
  Kind& known = kinds_[(type & 7u) << 4 | (subtype & 15u)];
  if (!known.known) [[unlikely]] known = kind(type, subtype);
  table_.set<std::int32_t>(col_type, known.type);
  table_.set<std::int32_t>(col_subtype, known.subtype);
  set_index(col_severity, known.severity);
}

void MessageDecoder::set_content(const Header& h, Bytes payload, const Rendered& rendered) {
  const bool has_id = h.message_id || (h.is_non_verbose() && payload.size() >= 4);
  if (has_id) table_.set<std::uint32_t>(col_message_id, message_id(h, payload));
  if (h.is_control() && payload.size() >= 4) {
    const auto service = load<std::uint32_t>(payload.data(), h.big_endian);
    table_.set_key(col_service, service, [service] { return service_text(service); });
  }
  const bool by_catalogue = entry_ != nullptr && (rendered.notes & note_catalogue_differs) == 0;
  const bool raw_only = h.segmented || (h.is_non_verbose() && !by_catalogue);
  if (!raw_only) table_.set_text(col_text);
  if (raw_only || !rendered.raw.empty()) table_.set_bytes(col_payload, rendered.raw);
}

// Where in the sender's code it comes from, and how it is marked: version 2 or a catalogue say so.
void MessageDecoder::set_origin(const Header& h) {
  if (!h.source_file.empty()) {
    table_.set_name(col_source_file, id_text(h.source_file));
  } else if (entry_ != nullptr) {
    set_catalogue_text(col_source_file, entry_->source_file);
  }
  set_if(col_source_line,
         h.source_line || entry_ == nullptr ? h.source_line : entry_->source_line);
  if (!h.tags.empty()) table_.set_name(col_tags, tags_text(h.tags));
  set_if(col_privacy_level, h.privacy_level);
}

void MessageDecoder::count_raw(const Header& h, Bytes payload, const Rendered& rendered) {
  if ((rendered.notes & note_catalogue_lacks) != 0) {
    output().count_undecoded("message id " + std::to_string(message_id(h, payload)) +
                             " that the catalogue lacks");
    return;
  }
  if (h.is_non_verbose() && !catalogue_) output().count_undecoded(non_verbose_kind);
  // The other notes tell what is odd about a message of which every byte was decoded.
  for (std::uint32_t notes = rendered.raw.empty() ? 0 : rendered.notes; notes != 0;
       notes &= notes - 1) {
    output().count_undecoded(note_text(notes & (~notes + 1)));
  }
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const DecoderSetup& setup) {
  return std::make_unique<MessageDecoder>(setup);
}

}  // namespace argus::dlt
