"""处置结果: how an alarm may be closed. The nine risks are those of GB 38600-2019."""

RISKS = (
    "choking",
    "wrong_intake",
    "pressure_sore",
    "scald",
    "bed_fall",
    "fall",
    "harm",
    "lost",
    "activity_accident",
)

OUTCOMES: tuple[str, ...] = (
    *(f"genuine:{risk}" for risk in RISKS),
    "genuine:other",
    "assistance",
    "false",
    "test",
    "technical",
)
"""Codes a person may choose. `cancelled` is set by the resident's own cancel within the window, by nobody else."""

NEEDS_NOTE = frozenset({"genuine:other", "technical"})
