// SPDX-License-Identifier: Apache-2.0
#include "lib/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/cuda_backend.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/comm/activity.h"
#include "lib/comm/agreement.h"
#include "lib/store/checkpoint_model.h"
#include "lib/train/ceiling.h"
#include "lib/train/kernel_check.h"
#include "lib/train/replicas.h"
#include "lib/train/report.h"

namespace hearth::train {
namespace {

constexpr double report_interval_s = 60;
constexpr int most_skips_in_a_row = 10;
constexpr const char* optimizer_prefix = "optimizer/";

nn::ModelSettings model_settings(const TrainSettings& settings, const Device& device, const GpuKernels& gpu_kernels,
                                 const nn::Parallel& parallel, nn::Shard shard, bool graphs = true) {
  nn::ModelSettings model;
  model.gpu_kernels = gpu_kernels;
  model.parallel = parallel;
  model.shard = {.shard = shard, .whole_matrices = settings.optimizer.muon};
  model.device = device;
  model.graphs = graphs;
  model.purpose = nn::Purpose::train;
  model.max_tokens = settings.microbatch_tokens();
  model.activation_bytes = settings.activation_bytes;
  model.expert_headroom = settings.expert_headroom;
  model.balance_coefficient = static_cast<float>(settings.balance_coefficient);
  // One step is computed while the next is made ready.
  model.in_flight = 2 * ((settings.batch_rows + settings.microbatch_rows - 1) / settings.microbatch_rows);
  return model;
}

Json trainer_json(const formats::CheckpointReader& checkpoint) {
  return parse_json(checkpoint.json("trainer.json"), "trainer.json of the checkpoint");
}

std::string kernels_text(const GpuKernels& chosen) {
  using Attention = GpuKernels::Attention;
  std::string text = chosen.gemm == GpuKernels::Gemm::sm90 ? "gemm sm90" : "gemm cublaslt";
  text += chosen.attention == Attention::cudnn       ? ", attention cudnn"
          : chosen.attention == Attention::automatic ? ", attention auto"
                                                     : ", attention portable";
  if (chosen.grouped == GpuKernels::Grouped::cublaslt) text += ", grouped cublaslt";
  return text + (chosen.exact ? ", exact" : "");
}

std::string cudnn_text() {
  try {
    return kernels::cuda_dnn().version;
  } catch (const Error&) {
    return "none";
  }
}

// What computes the bits besides the settings: a resume elsewhere is told of.
Json machine_facts(const Context& context, const comm::Mesh& mesh, nn::Shard shard) {
  const Machine machine = this_machine();
  Json facts{{"version", version()}, {"commit", commit()}, {"isa", machine.isa}, {"threads", context.pool.n_threads()}};
  const std::string also = shard == nn::Shard::optimizer ? "" : " --shard " + std::string(nn::name_of(shard));
  if (!mesh.alone()) facts["mesh"] = mesh.shape().text() + also;
  const Device& device = context.stream.device();
  if (device.is_host()) return facts;
  facts["device"] = device.api().name();
  const GpuKernels& chosen = context.stream.gpu_kernels();
  facts["kernels"] = kernels_text(chosen);
  if (chosen.attention != GpuKernels::Attention::portable) facts["cudnn"] = cudnn_text();
  return facts;
}

}  // namespace

Trainer::Trainer(Context& context, const nn::ModelConfig& config, const TrainSettings& settings,
                 const RunSettings& run_settings, const data::Corpus& corpus, RunDescription description)
    : context_(context),
      alone_(context.mesh == nullptr ? std::make_unique<comm::Mesh>() : nullptr),
      mesh_(context.mesh == nullptr ? alone_.get() : context.mesh),
      settings_(settings),
      run_settings_(run_settings),
      description_(std::move(description)),
      model_(config, settings.dtype,
             model_settings(settings, context.stream.device(), context.stream.gpu_kernels(), nn::Parallel(*mesh_),
                            run_settings.shard, run_settings.graphs)),
      optimizer_(model_.parameters(), settings.optimizer, nn::Parallel(*mesh_)),
      parallel_(*mesh_, model_),
      loader_(corpus, static_cast<std::uint32_t>(settings.context), settings.seed),
      held_out_(corpus, static_cast<std::uint32_t>(settings.context), settings.eval_tokens, settings.seed),
      detector_(context.stream.device(), settings.optimizer),
      saver_(description_.folder, {run_settings.keep, run_settings.keep_every}, mesh_->world()),
      flights_{Flight(context.stream.device()), Flight(context.stream.device())} {
  make_read_back();
  flops_per_token_ = nn::train_flops_per_token(config, settings.context);
}

Trainer::Plan Trainer::plan(const nn::ModelConfig& config, const TrainSettings& settings, const Device& device,
                            const comm::MeshShape& shape, nn::Shard shard, const GpuKernels& gpu_kernels) {
  Plan fullest;
  const std::size_t optimizer = optim::Optimizer::plan_bytes(config, settings.optimizer, shape);
  for (int stage = 0; stage < shape.pipeline; ++stage) {
    comm::Coordinates at;  // the first rank of a stage has the most activations
    at.pipeline = stage;
    const nn::ModelSettings of_first = model_settings(settings, device, gpu_kernels, nn::Parallel(shape, at), shard);
    Plan plan;
    plan.model = nn::plan_memory(config, settings.dtype, of_first);
    const nn::Parallel fullest_rank = nn::fullest_rank(nn::parameters_of(config, of_first.parallel), of_first.parallel,
                                                       of_first.shard.whole_matrices);
    const nn::ParameterSet::Bytes parameters =
        nn::ParameterSet::plan(config, settings.dtype, nn::Purpose::train, fullest_rank, of_first.shard);
    plan.model.weights = parameters.weights, plan.model.masters = parameters.masters;
    plan.model.gradients = parameters.gradients;
    const std::int64_t own_rows = comm::piece_of(settings.batch_rows, 0, shape.data).count;
    const std::int64_t n_passes = (own_rows + settings.microbatch_rows - 1) / settings.microbatch_rows;
    plan.exchanged_bytes =
        nn::exchanged_bytes(parameters, shard, n_passes, of_first.parallel, config.tie_embeddings);
    plan.optimizer = optimizer;
    plan.staging = parameters.owned + plan.optimizer;  // once more, while a checkpoint is written
    plan.on_gpu = !device.is_host();
    if (plan.on_gpu) plan.batches = nn::Feed::staging_bytes(of_first.max_tokens, of_first.in_flight);
    if (stage == 0 || plan.total() > fullest.total()) fullest = plan;
  }
  return fullest;
}

void Trainer::start_fresh() {
  model_.parameters().initialise(context_.stream, settings_.seed);
  use_masters();
}

// After the own rows of the masters, and the weights made of them, were set.
void Trainer::use_masters() {
  optimizer_.take_masters(context_.stream, model_.parameters());
  parallel_.spread(context_.stream);
}

// read(spec, first_row, rows) gives rows of a whole parameter, of which this rank takes those it owns.
template <class Read>
void Trainer::fill_parameters(const Read& read) {
  for (const nn::Parameter& parameter : model_.parameters().all()) {
    const nn::ParameterSpec& spec = parameter.spec;
    if (parameter.own.count == 0) continue;
    fill_from_host(context_.stream, parameter.master, [&](const Tensor& host) {
      if (spec.split == nn::Split::none) return read(spec, spec.first_row() + parameter.own.first, host);
      const Buffer memory(static_cast<std::size_t>(spec.whole.n_elements()) * sizeof(float));
      const Tensor whole(memory.data(), DType::f32, spec.whole);
      read(spec, 0, whole);
      nn::take_rows(spec, whole, parameter.own, host);
    });
  }
  model_.parameters().refresh_weights(context_.stream);
  use_masters();
}

void Trainer::start_from(const store::ModelSource& source) {
  fill_parameters([&](const nn::ParameterSpec& spec, std::int64_t first_row, const Tensor& rows) {
    if (rows.shape == spec.whole) return source.read(spec.name, rows);
    const Buffer memory(static_cast<std::size_t>(spec.whole.n_elements()) * sizeof(float));
    const Tensor whole(memory.data(), DType::f32, spec.whole);
    source.read(spec.name, whole);
    std::ranges::copy(whole.rows(first_row, rows.shape[0]).span<float>(), rows.as<float>());
  });
}

// Of this rank: its rows of the parameters and of the optimiser's state. What is not trained is the first rank's, of
// those that have it.
std::vector<NamedTensor> Trainer::tensors() {
  std::vector<NamedTensor> all;
  const bool first_of_stage = mesh_->replicas().rank() == 0 && mesh_->tensor().rank() == 0;
  for (const nn::Parameter& parameter : model_.parameters().all()) {
    if (!parameter.spec.trainable() && first_of_stage) all.push_back({parameter.spec.name, parameter.master});
  }
  for (const optim::StateTensor& own : optimizer_.owned_parameters(model_.parameters()))
    all.push_back({own.name, own.tensor, own.first_row, own.whole});
  for (const optim::StateTensor& own : optimizer_.owned_state())
    all.push_back({optimizer_prefix + own.name, own.tensor, own.first_row, own.whole});
  return all;
}

void Trainer::restore_tensors(const formats::CheckpointReader& checkpoint) {
  fill_parameters([&](const nn::ParameterSpec& spec, std::int64_t first_row, const Tensor& rows) {
    checkpoint.read_rows(spec.name, first_row, rows);
  });
  for (const optim::StateTensor& state : optimizer_.state()) {
    fill_from_host(context_.stream, state.tensor, [&](const Tensor& host) {
      checkpoint.read_rows(optimizer_prefix + state.name, state.first_row, host);
    });
  }
  const Json trainer = trainer_json(checkpoint);
  step_ = saved_step_ = json_get<std::int64_t>(trainer, "step", "trainer.json");
  optimizer_.set_steps(json_get<std::int64_t>(trainer, "optimizer_steps", "trainer.json"));
  detector_.set_steps(context_.stream, optimizer_.steps());
}

void Trainer::resume(const formats::CheckpointReader& checkpoint) {
  const std::string where = "trainer.json of the checkpoint";
  const Json trainer = trainer_json(checkpoint);
  restore_tensors(checkpoint);
  tokens_ = json_get<std::uint64_t>(trainer, "tokens", where);
  loader_.restore(json_get<Json>(trainer, "data", where));
  const Json detector = json_get<Json>(trainer, "detector", where);
  detector_.restore(context_.stream, detector);
  skipped_in_a_row_ = json_get<int>(detector, "skipped_in_a_row", where);
  metrics_position_ = json_get<std::uint64_t>(trainer, "metrics_bytes", where);
  rolled_back_to_ = json_get<std::int64_t>(trainer, "rolled_back_to", where);
  const Json before = json_get<Json>(trainer, "machine", where);
  const Json now = machine_facts(context_, *mesh_, run_settings_.shard);
  for (const auto& [key, value] : now.items()) {
    if (before.value(key, Json()) != value) {
      context_.log.warning("resumed with another " + key + " (" + dump_json(value) + ", before " +
                           dump_json(before.value(key, Json())) +
                           "): the run goes on, but its last bits may differ from those of an unbroken one");
    }
  }
}

Json Trainer::trainer_state() {
  return {{"schema", "hearth.trainer/1"},
          {"step", step_},
          {"tokens", tokens_},
          {"optimizer_steps", optimizer_.steps()},
          {"data", loader_.state()},
          {"detector", detector_.state(context_.stream)},
          {"metrics_bytes", metrics_ ? metrics_->position() : 0},
          {"rolled_back_to", rolled_back_to_},
          {"asked", parse_json(description_.asked, "options")},
          {"settings", to_json(settings_)},
          {"machine", machine_facts(context_, *mesh_, run_settings_.shard)}};
}

Json Trainer::write_event(std::string_view name, const Json& fields) {
  return write_event(name, fields, Json::object());
}

Json Trainer::write_event(std::string_view name, const Json& fields, const Json& clock) {
  return write_event_of(step_, name, fields, clock);
}

Json Trainer::write_event_of(std::int64_t step, std::string_view name, const Json& fields, const Json& clock) {
  if (!metrics_) return fields;
  const Json event = metrics_->write(name, step, fields, clock);
  history_.add(event);
  context_.log.event(name, event);
  return event;
}

void Trainer::log_start() {
  const nn::ParameterCount count = nn::count_parameters(model_.config());
  Json fields{{"parameters", count.total}, {"active_parameters", count.active}, {"settings", to_json(settings_)}};
  if (step_ > 0) fields["resumed_from"] = step_;
  write_event("start", fields,
              {{"provenance", parse_json(description_.provenance, "provenance")},
               {"machine", machine_facts(context_, *mesh_, run_settings_.shard)},
               {"ceiling_flops_per_s", ceiling_flops_per_s_}});
}

// A full disk does not end a run: the checkpoints there are stay, and the next save tries again.
bool Trainer::pauses_saving(const std::function<void()>& saving) {
  try {
    saving();
    return false;
  } catch (const Error& error) {
    if (error.kind() != Kind::io) throw;
    const std::string message =
        std::string(error.what()) + ": training goes on without this checkpoint, the next one is tried again";
    if (first_rank()) context_.log.warning(message);
    write_event("warning", {{"message", message}});
    return true;
  }
}

void Trainer::save_between_steps() {
  if (saved_step_ == step_) return;
  pauses_saving([&] { saver_.finish(); });
  if (pauses_saving([&] { save_checkpoint(); })) saved_step_ = -1;
}

void Trainer::save_checkpoint() {
  if (saved_step_ == step_) return;
  saved_step_ = step_;
  const std::string name = store::step_folder_name(step_).string();
  write_event("checkpoint", {{"path", name}});
  saver_.save(context_.stream, step_, tensors(), nn::to_json(model_.config()), trainer_state(),
              parse_json(description_.provenance, "provenance"));
}

void Trainer::evaluate_now() {
  if (held_out_.rows().empty()) return;
  const Stopwatch time;
  const HeldOutResult result = evaluate(context_.stream, model_, held_out_, settings_.microbatch_rows, *mesh_);
  if (result.n_tokens == 0) return;
  if (!outcome_.first) outcome_.first = result;
  outcome_.last = result;
  Json fields{{"loss", result.loss}, {"tokens", result.n_tokens}, {"bytes", result.n_bytes}};
  if (result.n_bytes > 0) fields["bits_per_byte"] = result.bits_per_byte;
  write_event("eval", fields, {{"seconds", time.seconds()}});
  context_.log.info("step " + std::to_string(step_) + ": held-out " + format_number(result.bits_per_byte, 4) +
                    " bits per byte, loss " + format_number(result.loss, 4));
  if (!run_settings_.check_kernels) return;
  const std::string differences = check_kernels(context_, model_, held_out_);
  if (first_rank()) context_.log.info("kernels and reference: " + differences);
}

void Trainer::make_read_back() {
  const auto report_bytes = static_cast<std::size_t>(kernels::StepReport::size) * sizeof(double);
  const std::size_t ledger_bytes = model_.ledger().all.bytes(), each = (report_bytes + ledger_bytes + 63) / 64 * 64;
  read_back_ = Buffer(each * flights_.size(), context_.stream.device(), Buffer::Use::staging);
  for (std::size_t i = 0; i < flights_.size(); ++i) {
    flights_[i].report = Tensor(read_back_.data() + i * each, DType::f64, {kernels::StepReport::size});
    flights_[i].ledger = Tensor(read_back_.data() + i * each + report_bytes, DType::u8, model_.ledger().all.shape);
  }
}

void Trainer::add_microbatches(std::span<const data::Row> rows, const nn::Objective& objective) {
  model_.begin_step();
  const auto at_once = static_cast<std::size_t>(settings_.microbatch_rows);
  bool told = stop_requested();
  for (std::int64_t pass = 0; pass < parallel_.n_passes(settings_.batch_rows, settings_.microbatch_rows); ++pass) {
    const std::size_t begin = std::min(static_cast<std::size_t>(pass) * at_once, rows.size());
    const auto some = rows.subspan(begin, std::min(at_once, rows.size() - begin));
    const data::Batch batch = loader_.assemble(some, static_cast<std::int64_t>(some.size()));
    model_.add(context_.stream, view_of(batch), objective);
    if (!told && stop_requested()) {
      told = true;
      context_.log.info("stopping after this step");
    }
  }
  model_.finish_step(context_.stream);
}

void Trainer::enqueue_step() {
  Stream& stream = context_.stream;
  nn::ParameterSet& parameters = model_.parameters();
  Flight& flight = flights_[static_cast<std::size_t>(step_) % flights_.size()];
  flight.begin.record(stream);
  const std::vector<data::Row> rows = loader_.next_rows(settings_.batch_rows);
  flight.step = step_ + 1;
  flight.n_targets = 0;
  for (const data::Row& row : rows) flight.n_targets += row.n_tokens();
  flight.epochs = loader_.epochs();
  flight.learning_rate = settings_.learning_rate * settings_.schedule.factor(step_);
  zeroing_.run(
      stream, [&] { parameters.zero_gradients(stream); }, run_settings_.graphs);
  const double communicated_s = parallel_.seconds();
  const comm::Piece share = parallel_.share_of(static_cast<std::int64_t>(rows.size()));
  add_microbatches(
      std::span(rows).subspan(static_cast<std::size_t>(share.begin), static_cast<std::size_t>(share.count)),
      nn::cross_entropy(static_cast<double>(flight.n_targets), static_cast<float>(settings_.z_loss)));
  parallel_.reduce(stream);
  measuring_.run(
      stream, [&] { optimizer_.measure(stream, parameters); }, run_settings_.graphs);
  parallel_.add(stream, optimizer_.squares());
  detector_.judge(stream, model_.ledger().head.rows(3, 1), optimizer_.squares(), flight.learning_rate);
  const auto apply = [&] {
    nn::update_selection_bias(stream, parameters, model_.ledger().counts, static_cast<float>(settings_.balance_gamma),
                              detector_.control());
    optimizer_.step(stream, parameters, detector_.control());
  };
  saver_.before_changes(stream);
  applying_.run(stream, apply, run_settings_.graphs && mesh_->shape().tensor == 1);  // whose ranks meet there
  parallel_.spread(stream);
  flight.communication_s = parallel_.seconds() - communicated_s;
  stream.copy(detector_.report(), flight.report);
  stream.copy(model_.ledger().all, flight.ledger);
  flight.end.record(stream);
  ++step_;
  ++n_in_flight_;
}

// Load of each layer's experts in the step, in shares of an equal one. violation is max - 1 (MaxVio of Wang et al.
// 2024).
Json Trainer::expert_load(const nn::ExpertCounts& counts) {
  Json layers = Json::array();
  for (std::size_t layer = 0; layer < counts.size(); ++layer) {
    if (counts[layer].empty()) continue;
    double sum = 0;
    for (const std::int64_t count : counts[layer]) sum += static_cast<double>(count);
    const double mean = std::max(sum / static_cast<double>(counts[layer].size()), 1e-9);
    const auto [least, most] = std::minmax_element(counts[layer].begin(), counts[layer].end());
    layers.push_back({{"layer", layer},
                      {"min", static_cast<double>(*least) / mean},
                      {"max", static_cast<double>(*most) / mean},
                      {"violation", static_cast<double>(*most) / mean - 1}});
  }
  return layers;
}

void Trainer::resolve_oldest() {
  const Flight& flight = flights_[(static_cast<std::size_t>(step_) - n_in_flight_) % flights_.size()];
  --n_in_flight_;
  comm::Activity* const activity = context_.stream.is_host() ? nullptr : mesh_->world().activity();
  comm::wait_for_device(activity, [&] { flight.end.wait(); });
  const auto* report = flight.report.as<double>();
  const auto verdict = static_cast<kernels::StepVerdict>(static_cast<int>(report[kernels::StepReport::verdict]));
  const std::string reason = OutlierDetector::reason(verdict);
  const double loss = report[kernels::StepReport::loss], norm = report[kernels::StepReport::gradient_norm];
  skipped_in_a_row_ = static_cast<int>(report[kernels::StepReport::skipped_in_a_row]);
  optimizer_.set_steps(static_cast<std::int64_t>(report[kernels::StepReport::steps]));
  Json fields{{"loss", loss}, {"learning_rate", flight.learning_rate}, {"gradient_norm", norm}};
  if (reason.empty()) {
    tokens_ += static_cast<std::uint64_t>(flight.n_targets);
    outcome_.loss = loss;
  } else {
    fields["skipped"] = reason;
    ++outcome_.n_skipped;
    context_.log.warning("step " + std::to_string(flight.step) + " not taken: " + reason + " (loss " +
                         format_number(loss, 4) + ", gradient norm " + format_number(norm, 4) + ")");
  }
  fields["tokens"] = tokens_;
  fields["epochs"] = flight.epochs;
  if (model_.config().has_moe()) {
    const nn::StepResult result = model_.result_of(flight.ledger);
    fields["balance_loss"] = result.balance_loss;
    if (result.expert_rounds > 0) fields["expert_rounds"] = result.expert_rounds;
    fields["experts"] = expert_load(model_.counts_of(flight.ledger));
  }
  const double seconds = flight.end.seconds_since(flight.begin);
  if (activity != nullptr) activity->step_took(seconds);
  const double rate = static_cast<double>(flight.n_targets) / seconds;
  trained_s_ += seconds;
  trained_tokens_ += static_cast<std::uint64_t>(flight.n_targets);
  Json clock{{"step_s", seconds},
             {"tokens_per_s", rate},
             {"ceiling_ratio", flops_per_token_ * rate / ceiling_flops_per_s_},
             {"memory_bytes", peak_memory_bytes()}};
  if (!parallel_.alone()) clock["communication_s"] = flight.communication_s;
  rank_times_.add(seconds - flight.communication_s);
  const Json event = write_event_of(flight.step, "step", fields, clock);
  if (first_rank()) show_progress(flight.step, event);
  if (skipped_in_a_row_ >= most_skips_in_a_row) roll_back(reason);
}

void Trainer::settle() {
  while (n_in_flight_ > 0) resolve_oldest();
}

// The step before is read when this one is in the stream, so that a device is never without work. On the host, before
// whatever looks at the run, and while steps are being skipped, each is read at once: a roll-back then comes at the
// same step wherever the run was interrupted.
void Trainer::one_step() {
  enqueue_step();
  const bool looked_at = step_ == settings_.n_steps() || due(run_settings_.eval_every) ||
                         due(run_settings_.checkpoint_every) || stop_requested();
  while (n_in_flight_ > 1) resolve_oldest();
  if (context_.stream.is_host() || looked_at || skipped_in_a_row_ > 0) settle();
}

void Trainer::show_progress(std::int64_t step, const Json& event) {
  const double steps_per_s =
      static_cast<double>(trained_tokens_) / static_cast<double>(settings_.batch_tokens()) / trained_s_;
  const double left = static_cast<double>(settings_.n_steps() - step) / steps_per_s;
  const Json& clock = event["clock"];
  context_.log.progress("step " + std::to_string(step) + "/" + std::to_string(settings_.n_steps()) + "  loss " +
                        format_number(history_.steps.back().loss, 4) + "  " +
                        human_count(clock["tokens_per_s"].get<double>()) + " tokens/s (" +
                        format_number(100 * clock["ceiling_ratio"].get<double>(), 2) + " % of the matrix rate)  " +
                        human_seconds(left) + " left");
}

// Back to the newest checkpoint's weights, on with the data that come next: what upset the run is not met again. Where
// that has happened already, the run has diverged.
void Trainer::roll_back(const std::string& reason) {
  pauses_saving([&] { saver_.finish(); });
  const std::vector<store::StepFolder> folders = store::checkpoints_of(description_.folder);
  const std::string what =
      std::to_string(most_skips_in_a_row) + " steps in a row could not be taken, the last because " + reason;
  if (folders.empty() || folders.back().step == rolled_back_to_) {
    throw Error(Kind::internal, "training diverged at step " + std::to_string(step_) + ": " + what +
                                    (folders.empty() ? ", and there is no checkpoint to go back to"
                                                     : ", again after going back to a checkpoint") +
                                    ": lower --lr, lengthen --warmup or lower --clip");
  }
  const std::int64_t from = step_;
  restore_tensors(formats::CheckpointReader(folders.back().path));
  detector_.reset(context_.stream);
  skipped_in_a_row_ = 0;
  rolled_back_to_ = step_;
  const std::string message = what + ": back from step " + std::to_string(from) + " to the checkpoint of step " +
                              std::to_string(step_) + ", on with the data that follow";
  context_.log.warning(message);
  write_event("warning", {{"message", message}});
}

bool Trainer::time_is_up() const {
  const double margin_s = saver_.last_write_s() + (step_ > 0 && !history_.steps.empty() ? 2 * history_.step_s : 0);
  return run_settings_.max_hours > 0 && elapsed_.seconds() + margin_s >= run_settings_.max_hours * 3600;
}

void Trainer::agree() {
  if (time_is_up()) request_stop();
  const CheckpointSaver::State own = saver_.state();
  const std::vector<std::int64_t> any = comm::largest(mesh_->world(), {stop_requested(), own.writing, own.failed});
  stopping_ = any[0] != 0;
  pauses_saving([&] { saver_.agree({any[1] != 0, any[2] != 0}); });
}

void Trainer::watch_ranks() {
  if (parallel_.alone()) return;
  if (due(RankTimes::window)) {
    const std::vector<double> compute_s = rank_times_.compare(mesh_->world());
    write_event("ranks", Json::object(), to_json(compute_s, description_.nodes));
    const std::string slow = slow_text(compute_s, description_.nodes);
    if (rank_times_.is_news(compute_s) && !slow.empty()) context_.log.warning(slow);
  }
  if (due(run_settings_.compare_every)) {
    const auto rank = static_cast<std::size_t>(mesh_->rank());
    compare_replicas(context_.stream, model_.parameters(), *mesh_,
                     rank < description_.nodes.size() ? description_.nodes[rank] : "");
  }
}

void Trainer::write_report(const std::string& status) {
  if (!first_rank()) return;
  ReportFacts facts{description_.folder.string(),
                    status,
                    utc_timestamp(),
                    step_,
                    settings_.n_steps(),
                    ceiling_flops_per_s_,
                    description_.model_table,
                    description_.run_table};
  write_file(description_.folder / "report.html", report_html(history_, facts));
  report_written_s_ = elapsed_.seconds();
}

// Without room for it the one before stays; the next is tried again.
void Trainer::refresh_report() {
  try {
    write_report("running");
  } catch (const Error& error) {
    if (error.kind() != Kind::io && error.kind() != Kind::cannot_create) throw;
    report_written_s_ = elapsed_.seconds();
  }
}

// What went wrong, where it can still be written: on a full disk the error itself matters more.
void Trainer::record_failure(const Error& failure) {
  if (!first_rank()) return;
  try {
    write_event("error", {{"message", failure.what()}});
    write_event("exit", {{"code", failure.exit_code()}, {"message", failure.what()}},
                {{"elapsed_s", elapsed_.seconds()}});
    write_report(std::string("failed: ") + failure.what());
  } catch (const Error& error) {
    context_.log.warning(std::string("the failure could not be recorded: ") + error.what());
  }
}

Outcome Trainer::run() {
  ceiling_flops_per_s_ = description_.ceiling_flops_per_s;
  if (ceiling_flops_per_s_ == 0) ceiling_flops_per_s_ = matrix_rate(context_.stream, settings_.dtype);
  ceiling_flops_per_s_ *= mesh_->size();
  const std::filesystem::path metrics = description_.folder / "metrics.jsonl";
  if (first_rank()) metrics_.emplace(metrics, metrics_position_);
  if (first_rank()) history_ = read_history(metrics);
  log_start();
  std::string status;
  try {
    const bool evaluated = !history_.evaluations.empty() && history_.evaluations.back().step == step_;
    const bool known = comm::largest(mesh_->world(), {evaluated})[0] != 0;  // the first rank has the history
    if (!known && (step_ == 0 || due(run_settings_.eval_every))) evaluate_now();
    outcome_.stopped = far_enough() && step_ < settings_.n_steps();
    while (step_ < settings_.n_steps() && !outcome_.stopped) {
      one_step();
      const bool last = step_ == settings_.n_steps();
      agree();
      const bool enough = far_enough(), told = stopping_ && !last;
      outcome_.stopped = told || (enough && !last);
      if (outcome_.stopped) settle();
      watch_ranks();
      if (!told && (last || enough || due(run_settings_.eval_every))) evaluate_now();
      // Not while steps are being skipped: the weights may be what upsets them, and older checkpoints would go.
      const bool sound = skipped_in_a_row_ == 0;
      if (last || outcome_.stopped || (sound && due(run_settings_.checkpoint_every))) save_between_steps();
      if (elapsed_.seconds() - report_written_s_ > report_interval_s) refresh_report();
    }
    save_checkpoint();
    saver_.finish();
    status = outcome_.stopped ? "stopped at step " + std::to_string(step_) + ": the same command goes on" : "done";
    write_event("exit", {{"code", outcome_.stopped ? static_cast<int>(Kind::stopped) : 0}, {"message", status}},
                {{"elapsed_s", elapsed_.seconds()}});
    if (metrics_) metrics_->finish();
  } catch (const Error& error) {
    context_.log.progress_done();
    record_failure(error);
    throw;
  }
  context_.log.progress_done();
  write_report(status);
  outcome_.step = step_;
  outcome_.tokens = tokens_;
  outcome_.seconds = elapsed_.seconds();
  outcome_.tokens_per_s = trained_s_ > 0 ? static_cast<double>(trained_tokens_) / trained_s_ : 0;
  outcome_.ceiling_ratio = flops_per_token_ * outcome_.tokens_per_s / ceiling_flops_per_s_;
  return outcome_;
}

}  // namespace hearth::train
