"""The real channel against a real network over HTTP: from placing a call to the key that accepts."""

from datetime import UTC, datetime, timedelta

import pytest

from server.notify.channel import (
    AnsweredBy,
    CallState,
    GiveUp,
    HungUp,
    Placed,
    ProviderUnavailableError,
    Why,
    ours,
)
from tests.notify.world import LI, WANG, Stopped, World, outgoing, world


async def placed(w: World, to: str = WANG) -> str:
    outcome = await w.voice.place(outgoing(to))
    assert isinstance(outcome, Placed)
    return outcome.provider_id


async def test_a_daughter_answers_and_presses_1() -> None:
    async with world() as w:
        call = outgoing()
        outcome = await w.voice.place(call)
        assert isinstance(outcome, Placed)
        ended = await w.over(outcome.provider_id)

        assert w.calls.keys == [(call.attempt_id, outcome.provider_id, "1")]
        assert w.calls.states == [CallState.PLACED, CallState.RINGING, CallState.ANSWERED, CallState.COMPLETED]
        assert {update.attempt_id for update in w.calls.updates} == {call.attempt_id}
        assert {update.provider_id for update in w.calls.updates} == {outcome.provider_id}
        assert sorted(u.seq for u in w.calls.updates if u.seq is not None) == [0, 1, 2, 3]
        assert "王桂兰按下了紧急呼叫按钮" in ended.said[0]
        assert "请现在出发" in ended.said[-1]


async def test_who_declines_hears_that_others_are_called() -> None:
    async with world(keys=["2"]) as w:
        ended = await w.over(await placed(w))
        assert [digit for *_, digit in w.calls.keys] == ["2"]
        assert "联系其他人" in ended.said[-1]


async def test_who_comes_second_hears_who_has_it() -> None:
    async with world() as w:
        w.calls.taken_by = "王强"
        ended = await w.over(await placed(w))
        assert ended.said[-1].startswith("王强已经接单")


async def test_a_wrong_key_is_told_and_the_right_one_counts() -> None:
    async with world(keys=["9", "1"]) as w:
        ended = await w.over(await placed(w))
        assert [digit for *_, digit in w.calls.keys] == ["9", "1"]
        assert ended.said[1].startswith("这个按键无效")


async def test_3_reads_it_again_as_often_as_wished() -> None:
    async with world(keys=["3", "3", "3", "3", "1"]) as w:
        ended = await w.over(await placed(w))
        assert len(set(ended.said[:5])) == 1
        assert "请现在出发" in ended.said[-1]


async def test_somebody_who_presses_nothing_is_asked_three_times() -> None:
    async with world(keys=[]) as w:
        ended = await w.over(await placed(w))
        assert w.calls.keys == []
        assert len(ended.said) == 4
        assert ended.said[-1] == "没有收到有效按键。再见。"


@pytest.mark.parametrize(
    ("does", "state"),
    [("busy", CallState.BUSY), ("no_answer", CallState.NO_ANSWER), ("unreachable", CallState.FAILED)],
)
async def test_nobody_answers(does: str, state: CallState) -> None:
    async with world(does=does) as w:
        await w.over(await placed(w))
        assert w.calls.updates[-1].state is state
        assert w.calls.keys == []


async def test_a_number_without_a_telephone_fails() -> None:
    async with world() as w:
        await w.over(await placed(w, "+8613900009999"))
        assert w.calls.updates[-1].state is CallState.FAILED


async def test_voicemail_is_seen_and_spoken_to_once() -> None:
    async with world(does="voicemail") as w:
        ended = await w.over(await placed(w))
        answered = [u for u in w.calls.updates if u.state is CallState.ANSWERED and u.seq is None]
        assert [update.answered_by for update in answered] == [AnsweredBy.MACHINE]
        assert w.calls.updates[-1].answered_by is AnsweredBy.MACHINE
        assert w.calls.keys == []
        assert len([text for text in ended.said if "请按一" in text]) == 1


async def test_who_hangs_up_has_accepted_nothing() -> None:
    async with world(does="hang_up") as w:
        await w.over(await placed(w))
        assert w.calls.updates[-1].state is CallState.COMPLETED
        assert w.calls.keys == []


async def test_we_hang_up_a_ringing_telephone_and_may_ask_twice() -> None:
    async with world(Stopped()) as w:
        sid = await placed(w)
        await w.network.until(lambda: w.network.calls[sid].status == "ringing")
        assert await w.voice.hang_up(sid) == HungUp()
        await w.over(sid)
        assert w.calls.updates[-1].state is CallState.CANCELED
        assert await w.voice.hang_up(sid) == HungUp(already=True)
        assert await w.voice.hang_up("CA" + "0" * 32) == HungUp(already=True)


async def test_fetch_tells_the_state_and_that_a_call_is_unknown() -> None:
    async with world(Stopped()) as w:
        sid = await placed(w)
        await w.network.until(lambda: w.network.calls[sid].status == "ringing")
        call = await w.voice.fetch(sid)
        assert call is not None
        assert (call.provider_id, call.state, call.to) == (sid, CallState.RINGING, WANG)
        assert await w.voice.fetch("CA" + "0" * 32) is None


async def test_find_has_calls_to_that_number_since_then_oldest_first() -> None:
    async with world() as w:
        before = datetime.now(UTC)
        first = await placed(w)
        await w.over(first)
        await placed(w, LI)
        second = await placed(w)
        found = await w.voice.find(WANG, before)
        assert {call.provider_id for call in found} == {first, second}
        assert all(call.created_at is not None for call in found)
        assert await w.voice.find(WANG, before + timedelta(minutes=5)) == []
        unclaimed = ours(found, known={first})
        assert unclaimed is not None
        assert unclaimed.provider_id == second
        assert ours(found, known={first, second}) is None


async def test_a_call_still_queued_is_found() -> None:
    """The provider's own time filter would not show it: it has no start time yet."""
    async with world(does="busy") as w:
        sid = await placed(w)
        await w.over(sid)
        assert w.network.calls[sid].ringing_at is None
        assert [call.provider_id for call in await w.voice.find(WANG, datetime.now(UTC))] == [sid]


async def test_check_passes_for_a_working_account_only() -> None:
    async with world() as w:
        await w.voice.check()
        wrong = w.channel(auth_token="another")
        with pytest.raises(ProviderUnavailableError, match="credentials_refused"):
            await wrong.check()
        await wrong.aclose()


async def test_wrong_credentials_give_up_and_say_so() -> None:
    async with world() as w:
        wrong = w.channel(auth_token="another")
        assert await wrong.place(outgoing()) == GiveUp(Why.CREDENTIALS_REFUSED, "20003")
        with pytest.raises(ProviderUnavailableError):
            await wrong.find(WANG, datetime.now(UTC))
        with pytest.raises(ProviderUnavailableError):
            await wrong.fetch("CA" + "0" * 32)
        await wrong.aclose()
        assert not w.network.calls


async def test_a_number_that_is_none_gives_up() -> None:
    async with world() as w:
        assert await w.voice.place(outgoing("13800")) == GiveUp(Why.NUMBER_REFUSED, "21211")


async def test_a_caller_number_that_is_not_ours_is_a_matter_of_configuration() -> None:
    async with world() as w:
        wrong = w.channel(from_number="+8679711111111")
        assert await wrong.place(outgoing()) == GiveUp(Why.CREDENTIALS_REFUSED, "21210")
        await wrong.aclose()


async def test_when_the_answer_cannot_be_had_the_provider_asks_again() -> None:
    async with world() as w:
        w.calls.context = None
        ended = await w.over(await placed(w))
        assert len(ended.said) == 2  # Chinese and English: nobody knows whom we called
        assert "处理完毕" in ended.said[0]
        assert "dealt with" in ended.said[1]


async def test_an_alarm_that_is_over_says_so_in_the_language_of_the_called() -> None:
    async with world() as w:
        assert w.calls.context is not None
        w.calls.context = type(w.calls.context)("en", None, "fall", w.calls.context.mode, 3, over=True)
        ended = await w.over(await placed(w))
        assert ended.said == ["This call has been dealt with. You need not go. Thank you. Goodbye."]
