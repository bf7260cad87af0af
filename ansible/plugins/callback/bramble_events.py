"""Tells what a playbook does as one JSON object a line, for the bramble command."""

from __future__ import annotations

import json
import sys

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: bramble_events
type: stdout
short_description: One JSON object a line
description:
  - Plays, tasks and what became of them on each host, for a program that reads along.
  - What a task marks as secret is left out.
"""

# Longest text of an error, characters.
TEXT_MAX = 4000


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "bramble_events"

    def _say(self, event, **more):
        sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
        sys.stdout.flush()

    def v2_playbook_on_play_start(self, play):
        self._say("play", name=play.get_name().strip())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._say("task", name=task.get_name().strip())

    def v2_playbook_on_handler_task_start(self, task):
        self._say("task", name=task.get_name().strip())

    def _result(self, status, result, **more):
        self._say(
            "result",
            status=status,
            host=result._host.get_name(),
            task=result._task.get_name().strip(),
            **more,
        )

    def v2_runner_on_ok(self, result, **kwargs):
        told = result._result
        hidden = told.get("_ansible_no_log", False)
        more = {}
        if not hidden:
            if result._task.action.endswith("debug") and "msg" in told:
                more["msg"] = told["msg"]
            diff = told.get("diff")
            if diff and told.get("changed") and self._display_diff(result):
                more["diff"] = self._get_diff(diff)
        self._result("changed" if told.get("changed") else "ok", result, **more)

    def _display_diff(self, result):
        return bool(getattr(result._task, "diff", False))

    def v2_runner_on_failed(self, result, ignore_errors=False, **kwargs):
        told = result._result
        if told.get("_ansible_no_log", False):
            text = "the task failed; what it said is secret"
        else:
            # Of a loop the items that failed say why.
            items = [one for one in told.get("results", []) if one.get("failed")]
            keys = ("msg", "stderr", "stdout", "module_stderr")
            parts = [one.get(key) for one in items or [told] for key in keys]
            text = "\n".join(str(part).strip() for part in parts if part)
        self._result("ignored" if ignore_errors else "failed", result, msg=text[:TEXT_MAX])

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result, msg=str(result._result.get("msg", ""))[:TEXT_MAX])

    def v2_runner_on_skipped(self, result):
        pass

    def v2_playbook_on_stats(self, stats):
        hosts = {}
        for host in sorted(stats.processed):
            summary = stats.summarize(host)
            hosts[host] = {
                key: summary[key] for key in ("ok", "changed", "failures", "unreachable", "rescued")
            }
        self._say("end", hosts=hosts)
