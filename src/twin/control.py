"""The control endpoint, under a path that bitbank does not have: accounts, faults, acts, and the driven clock."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter

from src.backtest.simulated_exchange import Refused
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from src.twin.acts import perform, read_act
from src.twin.fault_plan import read_rules
from src.twin.lock_step import LockStep
from src.twin.refusal import CallRefused
from src.twin.reply import Reply, encoded
from src.twin.request import Request
from src.twin.service import Service

Content = dict[str, Any]

_OBJECT: Final[TypeAdapter[Content]] = TypeAdapter(Content)
_REMEDY: Final = "docs/twin.md shows what the control endpoint takes"


class Control:
    """Answers control calls: a JSON object in, a JSON object out; 400 with a text for what is wrong.

    Parameters
    ----------
    service
        What is controlled.
    lock_step
        Moves the driven clock.
    """

    def __init__(self, service: Service, lock_step: LockStep) -> None:
        self._service = service
        self._lock_step = lock_step
        self.calls: dict[tuple[str, str], Callable[[Content], Any]] = {
            ("GET", "/twin/state"): self._state,
            ("POST", "/twin/accounts"): self._open,
            ("POST", "/twin/keys"): self._key,
            ("POST", "/twin/act"): self._act,
            ("POST", "/twin/faults"): self._arm,
            ("DELETE", "/twin/faults"): self._disarm,
            ("POST", "/twin/wait"): self._wait,
        }

    def answer(self, request: Request) -> Reply:
        """Return the answer to one control call."""
        call = self.calls.get((request.method, request.path))
        if call is None:
            known = [f"{method} {path}" for method, path in self.calls]
            return Reply(404, encoded({"error": f"there is no such control call; there are {', '.join(known)}"}))
        try:
            content = _OBJECT.validate_python(json.loads(request.body or b"{}"))
            return Reply(200, encoded(call(content)))
        except (Refused, CallRefused) as e:
            return Reply(400, encoded({"error": e.what, "code": e.code}))
        except ConfigError as e:
            return Reply(400, encoded({"error": e.what, "remedy": e.remedy}))
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as e:
            return Reply(400, encoded({"error": f"{type(e).__name__}: {e}", "remedy": _REMEDY}))

    def _state(self, _content: Content) -> Content:
        service = self._service
        return {
            "market": service.venue.exchange.now,
            "service": service.now,
            "lock_step": service.venue.clock.lock_step,
            "sent": self._lock_step.sent,
            "joins": service.public.joins,
            "users": list(service.accounts.names()),
            "switches": service.switches.model_dump(),
            "faults": service.faults.report(),
        }

    def _open(self, content: Content) -> Content:
        name = str(content["name"])
        given = _OBJECT.validate_python(content["assets"])
        assets = {asset: Decimal(str(amount)) for asset, amount in given.items()}
        if not all(amount.is_finite() and amount >= 0 for amount in assets.values()):
            raise ConfigError("an account cannot hold that", remedy="give amounts from 0 on")
        self._service.accounts.open(name, assets, margin_enabled=content.get("margin_enabled") is not False)
        self._service.tell()
        return self._key({"user": name})

    def _key(self, content: Content) -> Content:
        chosen = (str(content[name]) if name in content else None for name in ("key", "secret"))
        key = self._service.accounts.add_key(str(content["user"]), *chosen)
        return {"user": content["user"], "key": key.key, "secret": key.secret}

    def _act(self, content: Content) -> Content:
        return perform(self._service, read_act(content))

    def _arm(self, content: Content) -> Content:
        rules = read_rules(content)
        self._service.faults.arm(rules, self._service.now)
        return {"armed": [rule.model_dump(mode="json") for rule in rules]}

    def _disarm(self, _content: Content) -> Content:
        self._service.faults.clear()
        return {}

    def _wait(self, content: Content) -> Content:
        seen = content.get("seen")
        woken = self._lock_step.wait(Millis(int(content["until"])), None if seen is None else int(seen))
        return woken._asdict()
