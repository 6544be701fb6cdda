# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/optim.json: five steps of torch's AdamW and Muon, and schedules, on small tensors.

Needs torch >= 2.9. Run in the repository's root: python tests/golden/make/optim_steps.py
"""
import json
import pathlib

import torch

STEPS, LR = 5, 0.02


def run(shape, make, generator):
    start = torch.randn(shape, generator=generator)
    gradients = [torch.randn(shape, generator=generator) for _ in range(STEPS)]
    parts = start.clone().reshape(-1, *shape[-2:]) if len(shape) == 3 else start.clone()[None]
    parameters = [torch.nn.Parameter(part.clone()) for part in parts]
    optimizer = make(parameters)
    for gradient in gradients:
        for parameter, part in zip(parameters, gradient.reshape(parts.shape)):
            parameter.grad = part.clone()
        optimizer.step()
    end = torch.stack([parameter.detach() for parameter in parameters]).reshape(shape)
    flat = lambda t: [float(f"{x:.9g}") for x in t.flatten().tolist()]
    return {"shape": list(shape), "start": flat(start), "gradients": [flat(g) for g in gradients], "end": flat(end)}


def adamw(decay):
    return lambda p: torch.optim.AdamW(p, lr=LR, betas=(0.9, 0.95), eps=1e-8, weight_decay=decay)


def muon(p):
    # torch's momentum buffer is an average, (1 - mu) times ours; its nesterov is scaled alike, and the update does not
    # depend on scale.
    return torch.optim.Muon(p, lr=LR, momentum=0.95, nesterov=True, weight_decay=0.1, ns_steps=5,
                            ns_coefficients=(3.4445, -4.7750, 2.0315), adjust_lr_fn="match_rms_adamw")


def main():
    torch.set_num_threads(1)
    torch.bfloat16 = torch.float32  # torch's Muon iterates in what it finds under this name
    generator = torch.Generator().manual_seed(7)
    golden = {"learning_rate": LR,
              "adamw": run((6, 5), adamw(0.0), generator),
              "adamw_decay": run((6, 5), adamw(0.1), generator),
              "muon_wide": run((6, 10), muon, generator),
              "muon_tall": run((12, 5), muon, generator),
              "muon_batch": run((3, 8, 4), muon, generator)}
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), 90, 0.1)
    golden["cosine"] = []
    for _ in range(90):
        golden["cosine"].append(cosine.get_last_lr()[0])
        cosine.optimizer.step(), cosine.step()
    path = pathlib.Path(__file__).resolve().parents[1] / "optim.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
