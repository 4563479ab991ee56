"""The telephones of the network as a page for a person: what rings, what is said, and buttons to answer and press."""

from html import escape
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from simulators.phone.call import Act, Action, Call
from simulators.phone.control import do
from simulators.phone.network import Network
from simulators.phone.provider_api import NetworkDep

router = APIRouter(include_in_schema=False)

STYLE = Path(__file__).with_name("phone.css")
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
SHOWN = 30

STATES = {
    "queued": "接通中 dialling",
    "ringing": "响铃 ringing",
    "in-progress": "通话中 answered",
    "completed": "已结束 ended",
    "busy": "忙线 busy",
    "no-answer": "无人接听 no answer",
    "failed": "无法接通 unreachable",
    "canceled": "已取消 cancelled",
}
BEHAVIOURS = {
    "answer": "接听 answers",
    "no_answer": "不接 does not answer",
    "busy": "占线 busy",
    "unreachable": "关机 switched off",
    "reject": "拒接 rejects",
    "voicemail": "语音信箱 voicemail",
    "hang_up": "接后挂断 hangs up",
    "manual": "由您操作 by you",
}
BUTTONS: dict[str, tuple[str, Action]] = {
    "answer": ("接听 Answer", Action(Act.ANSWER)),
    "1": ("1", Action(Act.PRESS, "1")),
    "2": ("2", Action(Act.PRESS, "2")),
    "3": ("3", Action(Act.PRESS, "3")),
    "hangup": ("挂断 Hang up", Action(Act.HANG_UP)),
}


@router.get("/")
async def page(network: NetworkDep) -> HTMLResponse:
    """All telephones, those in use first."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(_page(network), headers=headers)


@router.get("/phone.css")
async def style() -> Response:
    """The page's looks."""
    return Response(STYLE.read_text(), media_type="text/css")


@router.post("/phones/{sid}/{button}")
async def push(sid: str, button: str, network: NetworkDep) -> RedirectResponse:
    """A button of the page; one that no longer fits only shows the page again."""
    if button not in BUTTONS:
        raise HTTPException(404, "no such button")
    try:
        do(network, sid, BUTTONS[button][1])
    except HTTPException as error:
        if error.status_code != 409:
            raise
    return RedirectResponse("/", 303)


def _page(network: Network) -> str:
    calls = list(reversed(network.calls.values()))
    live = [call for call in calls if call.is_live]
    past = [call for call in calls if not call.is_live][:SHOWN]
    quiet = "<p>没有电话在响。 No telephone rings.</p>"
    people = "".join(
        f"<tr><td>{escape(p.name)}<td>{escape(p.number)}<td>{BEHAVIOURS[p.behaviour.does]}"
        for p in network.people.values()
    )
    lost = f"<p role=alert>丢失的回调 callbacks lost: {network.callbacks_lost}</p>" if network.callbacks_lost else ""
    return f"""<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>{_title(live)}</title>
<link rel="stylesheet" href="/phone.css"></head><body>
<h1>模拟电话网 <span lang="en">Simulated telephones</span></h1>
<p>这里的人和号码都是虚构的，不会拨打真实电话。
<span lang="en">Everybody here is invented; no real telephone rings.</span></p>
{lost}
<main aria-live="polite">{"".join(map(_telephone, live)) or quiet}</main>
<h2>通话记录 <span lang="en">Calls</span></h2>
<table><thead><tr><th>时间 time (UTC)<th>姓名 name<th>号码 number<th>结果 result<th>按键 keys</thead>
<tbody>{"".join(map(_row, past))}</tbody></table>
<h2>电话簿 <span lang="en">People</span></h2>
<table><thead><tr><th>姓名 name<th>号码 number<th>行为 behaviour</thead><tbody>{people}</tbody></table>
</body></html>"""


def _title(live: list[Call]) -> str:
    return f"({len(live)}) 电话 Telephones" if live else "电话 Telephones"


def _telephone(call: Call) -> str:
    answered = call.status == "in-progress"
    offered = ("1", "2", "3", "hangup") if answered else ("answer", "hangup")
    buttons = "".join(
        f'<form method="post" action="/phones/{call.sid}/{name}"><button>{BUTTONS[name][0]}</button></form>'
        for name in offered
    )
    said = "".join(f"<blockquote>{escape(text)}</blockquote>" for text in call.said[-2:])
    return (
        f'<section class="{call.status}" aria-label="{escape(call.name or call.to)}">'
        f"<h2>{escape(call.name)} <small>{escape(call.to)}</small></h2><p>{STATES[call.status]}</p>"
        f"{said}<div>{buttons}</div></section>"
    )


def _row(call: Call) -> str:
    return (
        f"<tr><td><time>{call.placed_at:%H:%M:%S}</time><td>{escape(call.name)}<td>{escape(call.to)}"
        f"<td>{STATES[call.status]}<td>{escape(' '.join(call.keys))}"
    )
