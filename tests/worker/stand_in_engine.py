"""A stand-in for the engine: speaks its command line and its events, and misbehaves as the spec's description says.

steps, step_s, checkpoint_every: how the run goes.
until_attempt: misbehave only up to this attempt (always, if left out). What can go wrong:
die_at: SIGKILL itself at this step.        hang_at: stop making progress there.
deaf: ignore SIGTERM.                       children: start that many processes that outlive it.
fail: {reason, message, problems}.          leave: exit with this code and no last word.
garbage: write lines that are no events.    chatter: bytes of log a step.    liar: announce a wrong hash.
on_node: {"1": {...}}: what goes wrong on a further node alone; such a node tells no events.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Run:
    """One run, as the engine's command would do it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.folder: Path = arguments.folder
        self.student: Path | None = arguments.student
        self.inputs: dict[str, Any] = json.loads(arguments.inputs.read_text()) if arguments.inputs else {}
        self.resume: Path | None = arguments.resume
        self.behaviour: dict[str, Any] = json.loads(json.loads(arguments.spec.read_text())["description"])
        self.is_stopped = False
        self.node: int = arguments.node_rank or 0
        if self.node:
            self.behaviour |= self.behaviour.get("on_node", {}).get(str(self.node), {})
        limit = self.behaviour.get("until_attempt")
        if limit is not None and int(os.environ["STILLHOUSE_ATTEMPT"]) > limit:
            kept = ("steps", "step_s", "checkpoint_every")
            self.behaviour = {name: self.behaviour[name] for name in kept if name in self.behaviour}

    def emit(self, kind: str, /, **fields: Any) -> None:
        if self.node:
            return
        time_ = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with (self.folder / "events.jsonl").open("a") as events:
            events.write(json.dumps({"time": time_, "type": kind, **fields}) + "\n")

    def save(self, name: str, content: bytes) -> dict[str, Any]:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        honest = hashlib.sha256(content).hexdigest()
        return {"path": name, "sha256": "0" * 64 if self.behaviour.get("liar") else honest, "size": len(content)}

    def checkpoint(self, step: int) -> None:
        saved = self.save(f"checkpoints/step-{step:08d}.pt", json.dumps({"step": step}).encode())
        self.emit("checkpoint", **saved, step=step, stage="train", epoch=step / 10)

    def ask_to_stop(self, *_: object) -> None:
        self.is_stopped = not self.behaviour.get("deaf")

    def go(self) -> int:
        signal.signal(signal.SIGTERM, self.ask_to_stop)
        steps = self.behaviour.get("steps", 10)
        start = json.loads(self.resume.read_bytes())["step"] if self.resume else 0
        stages, versions = ["train"], {"python": sys.version.split()[0]}
        resumed = start if self.resume else None
        self.emit(
            "run_started", stages=stages, total_steps=steps, device="cpu", resumed_from_step=resumed, versions=versions
        )
        self.emit("stage_started", stage="train", index=0, epochs=1, steps_per_epoch=steps)
        for _ in range(self.behaviour.get("children", 0)):
            subprocess.Popen(["sleep", "300"], start_new_session=True)
        for step in range(start + 1, steps + 1):
            self.step(step, steps)
            if self.is_stopped:
                self.checkpoint(step)
                self.emit("stopped", step=step)
                return 75
        return self.end(steps)

    def step(self, step: int, steps: int) -> None:
        time.sleep(self.behaviour.get("step_s", 0.02))
        sys.stderr.write(f"step {step} of {steps}\n" + "x" * self.behaviour.get("chatter", 0))
        sys.stderr.flush()
        loss = "NaN" if step == 3 else 1 / step
        self.emit("metrics", stage="train", step=step, epoch=step / steps, values={"train/loss": loss})
        self.emit("progress", step=step, total_steps=steps, eta_s=0.5)
        if self.behaviour.get("garbage"):
            with (self.folder / "events.jsonl").open("ab") as events:
                events.write(b'{"type": "metrics", "step": -1}\n\xff\x00 nonsense\n')
        if step % self.behaviour.get("checkpoint_every", 5) == 0:
            self.checkpoint(step)
        if step == self.behaviour.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        while step == self.behaviour.get("hang_at") and not self.is_stopped:
            time.sleep(0.05)

    def end(self, steps: int) -> int:
        if "leave" in self.behaviour:
            sys.stderr.write("and then it was gone\n")
            code: int = self.behaviour["leave"]
            return code
        if "fail" in self.behaviour:
            failure = {"code": "x", "message": "", "problems": []} | self.behaviour["fail"]
            self.emit("failed", **failure)
            words = {"rank": self.node, "time": time.time(), "failure": failure, "is_bereft": False}
            self.save(f"ranks/{self.node}.json", json.dumps(words).encode())
            return 1
        if self.student is not None:
            exported = self.save("artifacts/student.onnx", b"exported " + self.student.read_bytes())
            self.emit("artifact", kind="onnx", name="student.onnx", **exported)
            self.emit("succeeded", figures={})
            return 0
        said = {"weights": steps, "environment": dict(os.environ), "inputs": self.inputs}
        student = json.dumps(said).encode()
        figures = {"test/accuracy": 0.5}
        self.emit("artifact", kind="student", name="student.safetensors", **self.save("artifacts/student", student))
        self.emit("artifact", kind="manifest", name="manifest.json", **self.save("artifacts/manifest.json", b"{}"))
        self.emit("evaluated", values=figures)
        self.emit("metrics", stage="train", step=steps, epoch=1.0, values=figures)
        self.emit("succeeded", figures=figures)
        return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("spec", type=Path)
    for name in ("--folder", "--inputs", "--student", "--resume", "--data-root", "--weights-root"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--parent-pid", type=int)
    parser.add_argument("--node-rank", type=int)
    for name in ("--master", "--cache-root", "--cache-max-bytes", "--run-id"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != arguments.parent_pid:
        return 1
    return Run(arguments).go()


if __name__ == "__main__":
    sys.exit(main())
