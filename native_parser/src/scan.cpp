#include "argus/scan.hpp"

#include <utility>

namespace argus {
namespace {

using dlt::no_time;

// Names of applications and contexts are bounded, whatever ids a damaged recording makes up.
constexpr std::size_t most_names = 65'536;

[[nodiscard]] std::string_view kind_name(dlt::LifecycleKind kind) noexcept {
  switch (kind) {
    case dlt::LifecycleKind::boot:
      return "boot";
    case dlt::LifecycleKind::resume:
      return "resume";
    case dlt::LifecycleKind::clock_change:
      return "clock_change";
  }
  return {};
}

// Sets one value after the other, in the order of the schema's fields; what is passed over is null.
class Row {
 public:
  explicit Row(TableBuilder& table) : table_(table) { table_.begin_row(); }

  void name(std::string_view text) { table_.set_name(column_++, text); }
  void text(std::string_view text) {
    table_.text(column_).append(text);
    table_.set_text(column_++);
  }
  template <class T>
  void number(T value) {
    table_.set<T>(column_++, value);
  }
  void time(std::int64_t value) {
    if (value == no_time) return null();
    number(value);
  }
  void seconds(std::int64_t nanoseconds) {
    if (nanoseconds == no_time) return null();
    number(static_cast<double>(nanoseconds) / 1e9);
  }
  void null() noexcept { ++column_; }
  void end() noexcept { table_.end_row(); }

 private:
  TableBuilder& table_;
  std::size_t column_ = 0;
};

[[nodiscard]] std::shared_ptr<const Schema> lifecycles_schema() {
  return std::make_shared<const Schema>(Schema{"lifecycles",
                                               {{"ecu", Type::dictionary},
                                                {"lifecycle", Type::uint32},
                                                {"kind", Type::dictionary},
                                                {"boot", Type::uint32},
                                                {"start", Type::timestamp, true},
                                                {"end", Type::timestamp, true},
                                                {"software_version", Type::utf8, true},
                                                {"first_storage_time", Type::timestamp, true},
                                                {"last_storage_time", Type::timestamp, true},
                                                {"first_uptime_s", Type::float64, true},
                                                {"last_uptime_s", Type::float64, true},
                                                {"first_offset", Type::uint64},
                                                {"last_offset", Type::uint64},
                                                {"messages", Type::uint64},
                                                {"control_requests", Type::uint64}}});
}

[[nodiscard]] std::shared_ptr<const Schema> sources_schema() {
  return std::make_shared<const Schema>(Schema{"sources",
                                               {{"ecu", Type::dictionary, true},
                                                {"app", Type::dictionary, true},
                                                {"context", Type::dictionary, true},
                                                {"lifecycle", Type::uint32, true},
                                                {"messages", Type::uint64},
                                                {"lost", Type::uint64},
                                                {"gaps", Type::uint64},
                                                {"repeated", Type::uint64},
                                                {"reordered", Type::uint64}}});
}

}  // namespace

Scan::Scan(dlt::Lifecycles lifecycles, std::vector<dlt::CounterSource> sources,
           std::vector<std::string> names)
    : lifecycles_(std::move(lifecycles)), sources_(std::move(sources)), names_(std::move(names)) {
  for (std::size_t i = 0; i < lifecycles_.ecus.size(); ++i) ecus_.emplace(lifecycles_.ecus[i], i);
}

const std::vector<dlt::ClockSpan>* Scan::spans(const std::string& ecu) const {
  const auto found = ecus_.find(ecu);
  return found == ecus_.end() ? nullptr : &lifecycles_.spans[found->second];
}

std::vector<BatchPtr> Scan::tables() const {
  std::vector<BatchPtr> batches;
  if (!lifecycles_.all.empty()) {
    TableBuilder table(lifecycles_schema());
    for (const dlt::Lifecycle& lifecycle : lifecycles_.all) {
      Row row(table);
      row.name(lifecycles_.ecus[lifecycle.ecu]);
      row.number(lifecycle.number);
      row.name(kind_name(lifecycle.kind));
      row.number(lifecycle.boot);
      row.time(lifecycle.start);
      row.time(lifecycle.end);
      if (lifecycle.software_version.empty()) {
        row.null();
      } else {
        row.text(lifecycle.software_version);
      }
      row.time(lifecycle.first_reception);
      row.time(lifecycle.last_reception);
      row.seconds(lifecycle.first_uptime);
      row.seconds(lifecycle.last_uptime);
      row.number(lifecycle.first_offset);
      row.number(lifecycle.last_offset);
      row.number(lifecycle.messages);
      row.number(lifecycle.control_requests);
      row.end();
    }
    batches.push_back(table.finish());
  }
  if (!sources_.empty()) {
    TableBuilder table(sources_schema());
    for (const dlt::CounterSource& source : sources_) {
      Row row(table);
      const auto name = [&row](const std::vector<std::string>& names, std::uint32_t index) {
        index < names.size() ? row.name(names[index]) : row.null();
      };
      name(lifecycles_.ecus, source.ecu);
      name(names_, source.app);
      name(names_, source.context);
      if (source.lifecycle == 0) {
        row.null();
      } else {
        row.number(source.lifecycle);
      }
      row.number(source.messages);
      row.number(source.lost);
      row.number(source.gaps);
      row.number(source.repeated);
      row.number(source.reordered);
      row.end();
    }
    batches.push_back(table.finish());
  }
  return batches;
}

std::uint32_t ScanBuilder::name_index(std::string_view name) {
  const auto found = name_indices_.find(std::string(name));
  if (found != name_indices_.end()) return found->second;
  if (names_.size() >= most_names) return dlt::no_source;
  const auto index = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  name_indices_.emplace(name, index);
  return index;
}

void ScanBuilder::absorb(const dlt::Sightings& segment) {
  // The segment's names as the recording's: each is looked up once.
  constexpr std::uint32_t unset = UINT32_MAX - 1;
  std::vector<std::uint32_t> ecus(segment.names.size(), unset);
  std::vector<std::uint32_t> names(segment.names.size(), unset);
  const auto ecu_of = [&](std::int32_t name) {
    const auto at = static_cast<std::size_t>(name);
    if (ecus[at] == unset) ecus[at] = lifecycles_.ecu(segment.names[at]);
    return ecus[at];
  };
  const auto name_of = [&](std::int32_t name) {
    if (name < 0) return dlt::no_source;
    const auto at = static_cast<std::size_t>(name);
    if (names[at] == unset) names[at] = name_index(segment.names[at]);
    return names[at];
  };
  struct Sender {
    std::uint32_t ecu = unset;
    std::uint32_t source = unset;  // as the counters know it in the boot of the mark
    std::uint32_t mark = 0;
  };
  std::vector<Sender> senders(segment.senders.size());
  auto version = segment.versions.begin();
  const std::span<const dlt::MessageSighting> messages = segment.messages.all();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const dlt::MessageSighting& seen = messages[i];
    const dlt::SenderNames& ids = segment.senders[seen.sender];
    Sender& sender = senders[seen.sender];
    if (sender.ecu == unset) sender.ecu = ecu_of(ids.ecu);
    lifecycles_.see(sender.ecu, {seen.offset, seen.reception, seen.uptime, seen.request});
    if (version != segment.versions.end() && version->first == i) {
      lifecycles_.software_version(sender.ecu, version->second);
      ++version;
    }
    if (seen.control || sender.ecu == dlt::no_ecu) continue;
    const std::uint32_t mark = lifecycles_.boot_now(sender.ecu);
    if (sender.source == unset || sender.mark != mark) {
      sender.source = counters_.find(sender.ecu, name_of(ids.app), name_of(ids.context), mark);
      sender.mark = mark;
    }
    counters_.see(sender.source, seen.counter);
  }
}

std::shared_ptr<const Scan> ScanBuilder::finish() {
  dlt::Lifecycles lifecycles = lifecycles_.finish();
  std::vector<dlt::CounterSource> sources = counters_.finish(lifecycles);
  return std::make_shared<const Scan>(std::move(lifecycles), std::move(sources), std::move(names_));
}

}  // namespace argus
