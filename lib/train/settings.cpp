// SPDX-License-Identifier: Apache-2.0
#include "lib/train/settings.h"

#include <string>

#include "lib/base/json_value.h"

namespace hearth::train {

Json to_json(const TrainSettings& s) {
  return {{"seed", s.seed},
          {"dtype", name_of(s.dtype)},
          {"context", s.context},
          {"batch_rows", s.batch_rows},
          {"microbatch_rows", s.microbatch_rows},
          {"activation_bytes", s.activation_bytes},
          {"expert_headroom", s.expert_headroom},
          {"learning_rate", s.learning_rate},
          {"schedule",
           {{"kind", s.schedule.kind == optim::Schedule::Kind::wsd ? "wsd" : "cosine"},
            {"total_steps", s.schedule.total_steps},
            {"warmup_steps", s.schedule.warmup_steps},
            {"decay_steps", s.schedule.decay_steps},
            {"final_factor", s.schedule.final_factor}}},
          {"optimizer",
           {{"kind", s.optimizer.muon ? "muon" : "adamw"},
            {"weight_decay", s.optimizer.weight_decay},
            {"beta1", s.optimizer.beta1},
            {"beta2", s.optimizer.beta2},
            {"epsilon", s.optimizer.epsilon},
            {"muon_momentum", s.optimizer.muon_momentum},
            {"muon_compute", name_of(s.optimizer.muon_compute)},
            {"clip", s.optimizer.clip}}},
          {"z_loss", s.z_loss},
          {"balance_gamma", s.balance_gamma},
          {"balance_coefficient", s.balance_coefficient},
          {"eval_tokens", s.eval_tokens}};
}

TrainSettings settings_from_json(const Json& json, std::string_view where) {
  TrainSettings s;
  const auto number = [&](const Json& from, const char* key, auto& field) {
    field = json_get<std::remove_reference_t<decltype(field)>>(from, key, where);
  };
  number(json, "seed", s.seed);
  s.dtype = dtype_from_name(json_get<std::string>(json, "dtype", where));
  number(json, "context", s.context);
  number(json, "batch_rows", s.batch_rows);
  number(json, "microbatch_rows", s.microbatch_rows);
  number(json, "activation_bytes", s.activation_bytes);
  if (json.contains("expert_headroom")) number(json, "expert_headroom", s.expert_headroom);  // older ones have none
  number(json, "learning_rate", s.learning_rate);
  const Json schedule = json_get<Json>(json, "schedule", where);
  s.schedule.kind = json_get<std::string>(schedule, "kind", where) == "wsd" ? optim::Schedule::Kind::wsd
                                                                            : optim::Schedule::Kind::cosine;
  number(schedule, "total_steps", s.schedule.total_steps);
  number(schedule, "warmup_steps", s.schedule.warmup_steps);
  number(schedule, "decay_steps", s.schedule.decay_steps);
  number(schedule, "final_factor", s.schedule.final_factor);
  const Json optimizer = json_get<Json>(json, "optimizer", where);
  s.optimizer.muon = json_get<std::string>(optimizer, "kind", where) == "muon";
  number(optimizer, "weight_decay", s.optimizer.weight_decay);
  number(optimizer, "beta1", s.optimizer.beta1);
  number(optimizer, "beta2", s.optimizer.beta2);
  number(optimizer, "epsilon", s.optimizer.epsilon);
  number(optimizer, "muon_momentum", s.optimizer.muon_momentum);
  s.optimizer.muon_compute = dtype_from_name(json_get<std::string>(optimizer, "muon_compute", where));
  number(optimizer, "clip", s.optimizer.clip);
  number(json, "z_loss", s.z_loss);
  number(json, "balance_gamma", s.balance_gamma);
  number(json, "balance_coefficient", s.balance_coefficient);
  number(json, "eval_tokens", s.eval_tokens);
  return s;
}

}  // namespace hearth::train
