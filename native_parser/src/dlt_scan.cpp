// The first pass over a DLT recording: notes of each message what lifecycles and losses show in.
#include "argus/dlt.hpp"
#include "argus/text.hpp"
#include "dlt_senders.hpp"
#include "dlt_stream.hpp"

namespace argus::dlt {
namespace {

constexpr std::uint8_t control_request = 1;

class MessageScan final : public MessageStream<MessageScan> {
 public:
  using MessageStream::MessageStream;

  void end_segment() override { senders_.forget(); }

  // What MessageStream asks for.
  [[nodiscard]] Rendered measure(Bytes message, Header& header) {
    return measure_payload(message, header);
  }
  void take(std::uint64_t offset, Bytes message, const Header& h, const Rendered& /*rendered*/) {
    Sightings& seen = output().sightings;
    const std::uint32_t sender = senders_.find(h, [this, &h] { return add_sender(h); });
    const bool control = h.is_control();
    seen.messages.push_back({offset, h.storage_time, h.uptime, sender, h.counter, control,
                             control && h.subtype == control_request});
    output().decoded(offset, h.size);
    if (!control) return;
    const Bytes version = software_version_of(message.subspan(h.payload_offset), h);
    if (!version.empty()) {
      seen.versions.emplace_back(seen.messages.size() - 1, safe_text(version));
    }
  }
  void drop() noexcept {}

 private:
  [[nodiscard]] std::uint32_t add_sender(const Header& h) {
    Sightings& seen = output().sightings;
    const auto name = [&seen](Bytes id) {
      if (id.size() > 4) return seen.names.index_of(id_text(id));
      return seen.names.index(id_key(id), [id] { return id_text(id); });
    };
    seen.senders.push_back(
        {name(h.ecu), h.has_app ? name(h.app) : -1, h.has_app ? name(h.context) : -1});
    return static_cast<std::uint32_t>(seen.senders.size() - 1);
  }

  SenderCache<std::uint32_t> senders_;
};

}  // namespace

std::unique_ptr<Decoder> make_scan(const DecoderSetup& setup) {
  return std::make_unique<MessageScan>(setup);
}

}  // namespace argus::dlt
