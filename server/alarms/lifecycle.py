"""The alarm's life as one transition table. Everything that changes a state goes through `advance`."""

from enum import StrEnum


class State(StrEnum):
    """Where an alarm is."""

    PRE_ALARM = "pre_alarm"  # 预警倒计时: the resident may still cancel
    OPEN = "open"  # nobody has it yet
    CLAIMED = "claimed"  # an operator has it
    RESPONDING = "responding"  # somebody accepted to go
    CLOSED = "closed"


class Act(StrEnum):
    """What may happen to an alarm."""

    WINDOW_OVER = "window_over"  # the cancel window ran out, or a graver signal came
    CANCEL = "cancel"  # by the resident, within the window
    CLAIM = "claim"
    ACCEPT = "accept"
    RELEASE = "release"  # an acceptance or a claim was not followed by deeds, or something graver came
    CLOSE = "close"  # by a person, with an outcome


TRANSITIONS: dict[tuple[State, Act], State] = {
    (State.PRE_ALARM, Act.WINDOW_OVER): State.OPEN,
    (State.PRE_ALARM, Act.CANCEL): State.CLOSED,
    (State.PRE_ALARM, Act.CLAIM): State.CLAIMED,
    (State.PRE_ALARM, Act.CLOSE): State.CLOSED,
    (State.OPEN, Act.CLAIM): State.CLAIMED,
    (State.OPEN, Act.ACCEPT): State.RESPONDING,
    (State.OPEN, Act.CLOSE): State.CLOSED,
    (State.CLAIMED, Act.CLAIM): State.CLAIMED,  # by its owner again
    (State.CLAIMED, Act.ACCEPT): State.RESPONDING,
    (State.CLAIMED, Act.RELEASE): State.OPEN,
    (State.CLAIMED, Act.CLOSE): State.CLOSED,
    (State.RESPONDING, Act.CLAIM): State.RESPONDING,
    (State.RESPONDING, Act.RELEASE): State.OPEN,
    (State.RESPONDING, Act.CLOSE): State.CLOSED,
}


def advance(state: State, act: Act) -> State | None:
    """The state after `act`, or None where `act` has no effect in `state` (nothing leaves CLOSED)."""
    return TRANSITIONS.get((state, act))


class Duty(StrEnum):
    """How far the helper who accepted has come; only rises."""

    ACCEPTED = "accepted"
    ON_THE_WAY = "on_the_way"
    ON_SITE = "on_site"
    INSIDE = "inside"
