// Envelopes into tables, one per message type and sender.
#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <unordered_map>

#include "argus/odvd.hpp"
#include "argus/protobuf.hpp"
#include "argus/rec.hpp"
#include "argus/text.hpp"

namespace argus::rec {
namespace {

using protobuf::Field;
using protobuf::Reader;
using protobuf::State;
using protobuf::Wire;

constexpr const char* reason_between = "bytes that belong to no envelope";

// The last column of a message type's table.
constexpr std::string_view unknown_fields = "unknown_fields";

enum ColumnIndex : std::size_t {
  col_offset,
  col_size,
  col_sent,
  col_received,
  col_sample_time,
  envelope_columns,
};

[[nodiscard]] std::vector<argus::Field> envelope_fields() {
  return {{"offset", Type::uint64},
          {"size", Type::uint32},
          {"sent", Type::timestamp, true},
          {"received", Type::timestamp, true},
          {"sample_time", Type::timestamp, true}};
}

[[nodiscard]] Type column_type(Kind kind) noexcept {
  switch (kind) {
    case Kind::boolean:
      return Type::boolean;
    case Kind::int8:
      return Type::int8;
    case Kind::uint8:
      return Type::uint8;
    case Kind::int16:
      return Type::int16;
    case Kind::uint16:
      return Type::uint16;
    case Kind::int32:
      return Type::int32;
    case Kind::uint32:
      return Type::uint32;
    case Kind::int64:
      return Type::int64;
    case Kind::uint64:
      return Type::uint64;
    case Kind::float32:
      return Type::float32;
    case Kind::float64:
      return Type::float64;
    case Kind::bytes:
      return Type::binary;
    case Kind::character:
    case Kind::text:
    case Kind::message:
      return Type::utf8;
  }
  return Type::utf8;
}

struct Value {
  std::uint64_t bits = 0;
  Bytes bytes;
};

// How the fields of a message become columns: nested ones are flattened.
struct Plan {
  struct Step {
    std::uint32_t id;
    Kind kind;
    std::size_t leaf = 0;
    std::unique_ptr<Plan> nested;
  };
  std::vector<Step> steps;  // by id

  [[nodiscard]] const Step* find(std::uint32_t id) const noexcept {
    const auto found =
        std::lower_bound(steps.begin(), steps.end(), id,
                         [](const Step& step, std::uint32_t i) { return step.id < i; });
    return found != steps.end() && found->id == id ? &*found : nullptr;
  }
};

// One message type of the specification: its plan, its columns and what absent fields are.
struct TypePlan {
  const MessageSpecification* specification;
  Plan plan;
  std::vector<argus::Field> fields = envelope_fields();
  std::vector<Kind> kinds;
  std::vector<Value> defaults;
};

void add_leaf(TypePlan& type, const FieldSpecification& field, std::string name) {
  const auto taken = [&type](const std::string& wanted) {
    return wanted == unknown_fields || std::any_of(type.fields.begin(), type.fields.end(),
                       [&wanted](const argus::Field& other) { return other.name == wanted; });
  };
  while (taken(name)) name += '_';
  type.fields.push_back({std::move(name), column_type(field.kind)});
  type.kinds.push_back(field.kind);
  const auto* text = reinterpret_cast<const std::uint8_t*>(field.default_text.data());
  type.defaults.push_back({field.default_bits, {text, field.default_text.size()}});
}

void add_fields(TypePlan& type, Plan& plan, const MessageSpecification& message,
                const std::string& prefix) {
  for (const FieldSpecification& field : message.fields) {
    Plan::Step step{field.id, field.kind, type.kinds.size(), nullptr};
    if (field.kind == Kind::message) {
      step.nested = std::make_unique<Plan>();
      add_fields(type, *step.nested, *field.message, prefix + field.name + ".");
    } else {
      add_leaf(type, field, prefix + field.name);
    }
    plan.steps.push_back(std::move(step));
  }
  std::sort(plan.steps.begin(), plan.steps.end(),
            [](const Plan::Step& a, const Plan::Step& b) { return a.id < b.id; });
}

// A signed number of so many bits, out of its zigzag varint.
template <class T>
[[nodiscard]] bool fits_signed(std::uint64_t& bits) noexcept {
  const std::int64_t value = protobuf::zigzag(bits);
  bits = static_cast<std::uint64_t>(value);
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// The field's value when it is of the wire type and width that the specification says.
[[nodiscard]] bool take_value(const Field& field, Kind kind, Value& value) noexcept {
  value.bits = field.bits;
  switch (kind) {
    case Kind::int8:
      return field.wire == Wire::varint && fits_signed<std::int8_t>(value.bits);
    case Kind::int16:
      return field.wire == Wire::varint && fits_signed<std::int16_t>(value.bits);
    case Kind::int32:
      return field.wire == Wire::varint && fits_signed<std::int32_t>(value.bits);
    case Kind::int64:
      return field.wire == Wire::varint && fits_signed<std::int64_t>(value.bits);
    case Kind::boolean:
      return field.wire == Wire::varint && field.bits <= 1;
    case Kind::character:
    case Kind::uint8:
      return field.wire == Wire::varint && field.bits <= UINT8_MAX;
    case Kind::uint16:
      return field.wire == Wire::varint && field.bits <= UINT16_MAX;
    case Kind::uint32:
      return field.wire == Wire::varint && field.bits <= UINT32_MAX;
    case Kind::uint64:
      return field.wire == Wire::varint;
    case Kind::float32:
      return field.wire == Wire::fixed32;
    case Kind::float64:
      return field.wire == Wire::fixed64;
    case Kind::text:
    case Kind::bytes:
      value.bytes = field.bytes;
      return field.wire == Wire::delimited;
    case Kind::message:
      return false;
  }
  return false;
}

// Fields that the specification lacks: a newer sender has them.
struct Unknown {
  Buffer raw;  // as in the message, one after the other
  std::vector<std::uint32_t> numbers;

  void clear() noexcept {
    raw.clear();
    numbers.clear();
  }
};

// Fill `values` and `unknown`; false when the bytes contradict the specification.
[[nodiscard]] bool read_message(Bytes bytes, const Plan& plan, std::vector<Value>& values,
                                Unknown& unknown) {
  Reader reader(bytes);
  for (Field field;;) {
    const std::size_t from = reader.position();
    switch (reader.next(field)) {
      case State::end:
        return true;
      case State::field:
        break;
      default:
        return false;
    }
    const Plan::Step* step = plan.find(field.number);
    if (step == nullptr) {
      const Bytes raw = bytes.subspan(from, reader.position() - from);
      unknown.raw.append(raw.data(), raw.size());
      unknown.numbers.push_back(field.number);
      continue;
    }
    if (step->nested) {
      if (field.wire != Wire::delimited ||
          !read_message(field.bytes, *step->nested, values, unknown)) {
        return false;
      }
    } else if (!take_value(field, step->kind, values[step->leaf])) {
      return false;
    }
  }
}

void set_value(TableBuilder& table, std::size_t column, Kind kind, const Value& value) {
  switch (kind) {
    case Kind::boolean:
      return table.set_boolean(column, value.bits != 0);
    case Kind::int8:
    case Kind::uint8:
      return table.set(column, static_cast<std::uint8_t>(value.bits));
    case Kind::int16:
    case Kind::uint16:
      return table.set(column, static_cast<std::uint16_t>(value.bits));
    case Kind::int32:
    case Kind::uint32:
    case Kind::float32:
      return table.set(column, static_cast<std::uint32_t>(value.bits));
    case Kind::int64:
    case Kind::uint64:
    case Kind::float64:
      return table.set(column, value.bits);
    case Kind::bytes:
      return table.set_bytes(column, value.bytes);
    case Kind::text:
      append_safe_text(table.text(column), value.bytes);
      return table.set_text(column);
    case Kind::character: {
      const auto character = static_cast<std::uint8_t>(value.bits);
      if (character != 0) append_safe_text(table.text(column), {&character, 1});
      return table.set_text(column);
    }
    case Kind::message:
      return;
  }
}

class EnvelopeDecoder final : public Decoder {
 public:
  explicit EnvelopeDecoder(const DecoderSetup& setup)
      : output_(*setup.output),
        specification_(setup.knowledge.specification),
        in_step_(setup.state.in_step),
        reason_(setup.state.reason != nullptr ? setup.state.reason : reason_between),
        names_(setup.state.tables) {}

  Progress decode(const Window& window) override;
  void end_segment() override;
  [[nodiscard]] DecoderState state() const override { return {in_step_, reason_, names_}; }

 private:
  struct Table {
    explicit Table(std::shared_ptr<const Schema> schema) : builder(std::move(schema)) {}
    TableBuilder builder;
    const TypePlan* type = nullptr;  // null: the payload is kept raw
    bool is_overflow = false;
    std::size_t fixed_width = 0;
  };
  using Key = std::pair<std::int32_t, std::uint32_t>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      const auto joined = std::uint64_t{static_cast<std::uint32_t>(key.first)} << 32 | key.second;
      return static_cast<std::size_t>((joined * 0x9E3779B97F4A7C15ull) >> 29);
    }
  };

  // Where the last messages of a type and sender went: they come in turns.
  struct Route {
    std::int32_t data_type = 0;
    std::uint32_t sender = 0;
    Table* table = nullptr;
  };
  static constexpr std::size_t routes = 32;
  [[nodiscard]] static std::size_t route_slot(const Envelope& envelope) noexcept {
    return (static_cast<std::uint32_t>(envelope.data_type) + 7 * envelope.sender) % routes;
  }

  void add_row(std::uint64_t offset, std::size_t size, const Envelope& envelope);
  void add_raw(Table& table, const Envelope& envelope);
  [[nodiscard]] Table& table_for(const Envelope& envelope, const TypePlan* type);
  [[nodiscard]] Table& new_table(std::string name, std::vector<argus::Field> fields);
  [[nodiscard]] Table& overflow();
  [[nodiscard]] const TypePlan* plan_for(std::int32_t data_type);
  void flush();

  Output& output_;
  std::shared_ptr<const Specification> specification_;
  bool in_step_;
  const char* reason_;
  std::set<std::string> names_;  // of all tables of the recording so far, but the overflow
  std::unordered_map<std::int32_t, std::unique_ptr<TypePlan>> plans_;
  // Of this segment, in order of appearance.
  std::vector<std::unique_ptr<Table>> tables_;
  std::unordered_map<Key, Table*, KeyHash> known_;
  std::unordered_map<Key, Table*, KeyHash> raw_;
  std::array<Route, routes> routes_{};
  Table* overflow_ = nullptr;
  std::size_t held_bytes_ = 0;
  std::vector<Value> values_;
  Unknown unknown_;
};

Progress EnvelopeDecoder::decode(const Window& window) {
  const Bytes bytes = window.bytes;
  std::size_t at = 0;
  while (window.offset + at < window.limit) {
    const std::size_t found = find_pattern(bytes, at);
    if (found == bytes.size()) {
      // The last byte may be the beginning of a pattern.
      const std::size_t kept = window.last ? 0 : std::min(bytes.size() - at, pattern_size - 1);
      const std::size_t end = bytes.size() - kept;
      in_step_ = in_step_ && end == at;
      output_.faults.add(window.offset + at, end - at, reason_);
      return {end, pattern_size};
    }
    in_step_ = in_step_ && found == at;
    output_.faults.add(window.offset + at, found - at, reason_);
    at = found;
    if (window.offset + at >= window.limit) break;
    Envelope envelope;
    const Judgement judged = judge(bytes.subspan(at), window.last, in_step_, envelope);
    switch (judged.belief) {
      case Belief::undecided:
        return {at, judged.wanted};
      case Belief::believed:
        add_row(window.offset + at, judged.size, envelope);
        at += judged.size;
        in_step_ = true;
        reason_ = reason_between;
        break;
      case Belief::rejected:
        reason_ = judged.reason;
        in_step_ = false;
        output_.faults.add(window.offset + at, pattern_size, reason_);
        at += pattern_size;
        break;
    }
  }
  return {at, 0};
}

void EnvelopeDecoder::flush() {
  for (const auto& table : tables_) {
    if (table->builder.rows() > 0) output_.batches.push_back(table->builder.finish());
  }
  held_bytes_ = 0;
}

void EnvelopeDecoder::end_segment() {
  flush();
  known_.clear();
  raw_.clear();
  overflow_ = nullptr;
  routes_.fill({});
  tables_.clear();
}

const TypePlan* EnvelopeDecoder::plan_for(std::int32_t data_type) {
  if (!specification_) return nullptr;
  const auto known = plans_.find(data_type);
  if (known != plans_.end()) return known->second.get();
  const MessageSpecification* message = specification_->find(data_type);
  if (message == nullptr) return nullptr;
  auto made = std::make_unique<TypePlan>();
  made->specification = message;
  add_fields(*made, made->plan, *message, {});
  made->fields.push_back({std::string(unknown_fields), Type::binary, true});
  return plans_.emplace(data_type, std::move(made)).first->second.get();
}

EnvelopeDecoder::Table& EnvelopeDecoder::new_table(std::string name,
                                                   std::vector<argus::Field> fields) {
  std::size_t fixed = 0;
  for (const argus::Field& field : fields) fixed += width(field.type) + 1;
  tables_.push_back(std::make_unique<Table>(
      std::make_shared<const Schema>(Schema{std::move(name), std::move(fields)})));
  tables_.back()->fixed_width = fixed;
  return *tables_.back();
}

EnvelopeDecoder::Table& EnvelopeDecoder::overflow() {
  if (overflow_ == nullptr) {
    auto fields = envelope_fields();
    fields.push_back({"data_type", Type::int32});
    fields.push_back({"sender", Type::uint32});
    fields.push_back({"payload", Type::binary});
    overflow_ = &new_table("unknown-overflow", std::move(fields));
    overflow_->is_overflow = true;
  }
  return *overflow_;
}

// The table for messages of this type and sender; without a plan, the one for their raw bytes.
EnvelopeDecoder::Table& EnvelopeDecoder::table_for(const Envelope& envelope, const TypePlan* type) {
  const Key key{envelope.data_type, envelope.sender};
  auto& tables = type != nullptr ? known_ : raw_;
  const auto found = tables.find(key);
  if (found != tables.end()) return *found->second;
  const std::string name =
      (type != nullptr ? type->specification->name
                       : "unknown-" + std::to_string(envelope.data_type)) +
      "-" + std::to_string(envelope.sender);
  if (!names_.contains(name)) {
    if (names_.size() >= most_tables) return overflow();
    names_.insert(name);
  }
  Table* made = nullptr;
  if (type != nullptr) {
    made = &new_table(name, type->fields);
    made->type = type;
  } else {
    auto fields = envelope_fields();
    fields.push_back({"payload", Type::binary});
    made = &new_table(name, std::move(fields));
  }
  tables.emplace(key, made);
  return *made;
}

void EnvelopeDecoder::add_raw(Table& table, const Envelope& envelope) {
  std::size_t column = envelope_columns;
  if (table.is_overflow) {
    table.builder.set<std::int32_t>(column++, envelope.data_type);
    table.builder.set<std::uint32_t>(column++, envelope.sender);
  }
  table.builder.set_bytes(column, envelope.payload);
}

void EnvelopeDecoder::add_row(std::uint64_t offset, std::size_t size, const Envelope& envelope) {
  Route& route = routes_[route_slot(envelope)];
  const bool known = route.table != nullptr && route.data_type == envelope.data_type &&
                     route.sender == envelope.sender;
  const TypePlan* type = known ? route.table->type : plan_for(envelope.data_type);
  if (type == nullptr) {
    output_.count_undecoded("data type " + std::to_string(envelope.data_type) + " without a specification");
  } else {
    values_ = type->defaults;
    unknown_.clear();
    if (!read_message(envelope.payload, type->plan, values_, unknown_)) {
      output_.count_undecoded(type->specification->name + " that does not fit its specification");
      type = nullptr;
    }
  }
  Table& table = known && type != nullptr ? *route.table : table_for(envelope, type);
  if (!known && table.type != nullptr) {
    route = {envelope.data_type, envelope.sender, &table};
  }
  if (table.is_overflow && type != nullptr) {
    output_.count_undecoded("message beyond the " + std::to_string(most_tables) + "th table");
  }
  TableBuilder& builder = table.builder;
  if (builder.rows() == 0) held_bytes_ += table.fixed_width * first_capacity;
  builder.begin_row();
  builder.set<std::uint64_t>(col_offset, offset);
  builder.set<std::uint32_t>(col_size, static_cast<std::uint32_t>(size));
  const auto set_time = [&builder](std::size_t column, const std::optional<std::int64_t>& time) {
    if (time) builder.set<std::int64_t>(column, *time);
  };
  set_time(col_sent, envelope.sent);
  set_time(col_received, envelope.received);
  set_time(col_sample_time, envelope.sample_time);
  if (table.type != nullptr) {
    const std::size_t leaves = table.type->kinds.size();
    for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
      set_value(builder, envelope_columns + leaf, table.type->kinds[leaf], values_[leaf]);
    }
    if (!unknown_.numbers.empty()) {
      builder.set_bytes(envelope_columns + leaves, {unknown_.raw.data(), unknown_.raw.size()});
      for (const std::uint32_t number : unknown_.numbers) {
        output_.count_undecoded("field " + std::to_string(number) + " of " +
                                type->specification->name + " that its specification lacks");
      }
    }
  } else {
    add_raw(table, envelope);
  }
  builder.end_row();
  output_.decoded(offset, size);
  held_bytes_ += table.fixed_width + envelope.payload.size();
  if (builder.rows() >= batch_rows || held_bytes_ >= batch_bytes) flush();
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const DecoderSetup& setup) {
  return std::make_unique<EnvelopeDecoder>(setup);
}

}  // namespace argus::rec
