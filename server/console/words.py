"""The field's terms as people read them. Codes of ours to message ids; nothing here knows a language.

A code that a later release adds is shown as it is: never an error on a page that somebody needs now.
"""


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for "translate this later"
    """Marks a text for the catalogue."""
    return text


KINDS = {
    "sos": N_("Emergency call"),
    "help": N_("Call for assistance"),
    "check_in": N_("I am well"),
    "cancel": N_("Call taken back"),
    "unknown": N_("Unreadable call"),
    "fall": N_("Fall"),
    "fall_warning": N_("Possible fall"),
    "smoke": N_("Smoke"),
    "gas": N_("Gas"),
    "co": N_("Carbon monoxide"),
    "heat": N_("Heat alarm"),
    "water_leak": N_("Water leak"),
    "vitals_alarm": N_("Vital signs out of range"),
    "inactivity": N_("No movement for too long"),
    "geofence": N_("Left the safe area"),
    "removed": N_("Wearable taken off"),
    "motion": N_("Movement"),
    "presence": N_("Presence"),
    "bed": N_("Bed"),
    "chair": N_("Chair"),
    "contact": N_("Door or window"),
    "medication": N_("Medication not taken"),
    "battery_low": N_("Battery low"),
    "tamper": N_("Device tampered with"),
    "fault": N_("Fault"),
    "mains_lost": N_("Mains power lost"),
    "jamming": N_("Radio jamming"),
    "offline": N_("Offline"),
    "power_on": N_("Switched on"),
    "power_off": N_("Switched off"),
    "test": N_("Test call"),
    "heartbeat": N_("Heartbeat"),
    "gap": N_("Events lost"),
    "command_result": N_("Answer to a command"),
}

PRIORITIES = {1: N_("Life"), 2: N_("Urgent"), 3: N_("Technical")}

STATES = {
    "pre_alarm": N_("may still be cancelled"),
    "open": N_("to be taken"),
    "claimed": N_("taken"),
    "responding": N_("help is coming"),
    "closed": N_("closed"),
}

DUTIES = {
    "accepted": N_("has accepted"),
    "on_the_way": N_("is on the way"),
    "on_site": N_("is at the door"),
    "inside": N_("is inside"),
}

MODES = {"test": N_("TEST"), "exercise": N_("DRILL"), "simulated": N_("SIMULATED")}

OUTCOMES = {
    "genuine:choking": N_("Genuine: choking"),
    "genuine:wrong_intake": N_("Genuine: wrong food or medicine"),
    "genuine:pressure_sore": N_("Genuine: pressure sore"),
    "genuine:scald": N_("Genuine: scald or burn"),
    "genuine:bed_fall": N_("Genuine: fall from bed"),
    "genuine:fall": N_("Genuine: fall"),
    "genuine:harm": N_("Genuine: harm to others or self"),
    "genuine:lost": N_("Genuine: lost"),
    "genuine:activity_accident": N_("Genuine: accident at an activity"),
    "genuine:other": N_("Genuine: other (say what)"),
    "assistance": N_("Assistance given"),
    "false": N_("False alarm"),
    "test": N_("Test"),
    "technical": N_("Technical (say what)"),
    "cancelled": N_("Taken back by the resident"),
}

ATTEMPTS = {
    "pending": N_("about to be called"),
    "sending": N_("calling"),
    "placed": N_("calling"),
    "ringing": N_("ringing"),
    "answered": N_("answered, no decision yet"),
    "accepted": N_("accepted"),
    "declined": N_("declined"),
    "failed": N_("not reached"),
    "cancelled": N_("no longer needed"),
}

RESULTS = {
    "busy": N_("busy"),
    "no_answer": N_("no answer"),
    "voicemail": N_("voicemail only"),
    "no_key": N_("answered, pressed nothing"),
    "error": N_("call failed"),
    "gave_up": N_("no telephone"),
    "rejected": N_("number not reachable"),
}

PEOPLE = {
    "daughter": N_("Daughter"),
    "son": N_("Son"),
    "wife": N_("Wife"),
    "husband": N_("Husband"),
    "spouse": N_("Spouse"),
    "granddaughter": N_("Granddaughter"),
    "grandson": N_("Grandson"),
    "daughter_in_law": N_("Daughter-in-law"),
    "son_in_law": N_("Son-in-law"),
    "niece": N_("Niece"),
    "nephew": N_("Nephew"),
    "sister": N_("Sister"),
    "brother": N_("Brother"),
    "relative": N_("Relative"),
    "friend": N_("Friend"),
    "neighbour": N_("Neighbour"),
    "carer": N_("Carer"),
    "grid_worker": N_("Grid worker"),
    "property": N_("Property staff"),
    "social_worker": N_("Social worker"),
    "volunteer": N_("Volunteer"),
    "village_doctor": N_("Village doctor"),
}

LADDERS = {
    "operators": N_("Operators"),
    "family": N_("Family"),
    "responders": N_("Responders"),
    "duty": N_("Helper on the way"),
}

ENDINGS = {
    "claimed": N_("an operator has it"),
    "accepted": N_("somebody accepted"),
    "closed": N_("the alarm is closed"),
}

CATEGORIES = {
    "living_alone": N_("lives alone"),
    "empty_nest": N_("empty nest"),
    "destitute": N_("destitute"),
    "disabled": N_("disabled"),
    "very_old": N_("very old"),
}

HEARING = {
    "poor": N_("hears badly: speak loudly"),
    "deaf": N_("deaf"),
}

LANGUAGES = {
    "zh": N_("speaks Mandarin"),
    "zh-CN": N_("speaks Mandarin"),
    "gan": N_("speaks Gan"),
    "hak": N_("speaks Hakka"),
    "wuu": N_("speaks Wu"),
    "nan": N_("speaks Min Nan"),
    "yue": N_("speaks Cantonese"),
    "en": N_("speaks English"),
}

ROOMS = {
    "bathroom": N_("Bathroom"),
    "bedroom": N_("Bedroom"),
    "living_room": N_("Living room"),
    "kitchen": N_("Kitchen"),
    "hall": N_("Hall"),
    "balcony": N_("Balcony"),
    "worn": N_("Worn"),
}

ROLES = {
    "operator": N_("Operator"),
    "supervisor": N_("Supervisor"),
    "engineer": N_("Engineer"),
    "viewer": N_("Viewer"),
    "family": N_("Family"),
    "responder": N_("Responder"),
    "api": N_("Interface"),
}

READINGS = {
    "heart_rate": N_("Heart rate"),
    "spo2": N_("SpO₂"),
    "blood_pressure": N_("Blood pressure"),
    "temperature": N_("Body temperature"),
    "room_temperature": N_("Room temperature"),
    "respiration": N_("Respiration"),
    "steps": N_("Steps"),
}
"""What helps to judge a call; battery, radio and light do not."""

UNITS = {
    "heart_rate": "/min",
    "spo2": "%",
    "blood_pressure": "mmHg",
    "temperature": "°C",
    "room_temperature": "°C",
    "respiration": "/min",
    "steps": "",
}

QUESTIONS = {
    "sos": (
        N_("“This is Anhu, I can hear you. What has happened?”"),
        N_("Can you speak and breathe well? Where does it hurt? Did you hit your head?"),
        N_("Blood thinners, or a blow to the head: call 120"),
        N_("Say who is coming, and stay on the line"),
    ),
    "fall": (
        N_("“This is Anhu. Have you fallen? Please do not get up yet.”"),
        N_("Did you hit your head? Can you move arms and legs? Is there blood?"),
        N_("Blood thinners, or a blow to the head: call 120"),
        N_("Say who is coming, and stay on the line"),
    ),
    "fire": (
        N_("Is anybody at home? Leave now, door closed, no lift, no switch"),
        N_("Fire: call 119 at once; gas or CO: windows open, nobody goes in alone"),
        N_("Who cannot leave without help? Tell the brigade floor and room"),
    ),
    "technical": (
        N_("Is the resident well? Ring the home first"),
        N_("Mains, network and battery of the gateway: what can somebody there see?"),
        N_("Not back within two hours: send a substitute"),
    ),
}
"""What to ask, by kind of alarm; see `questions_for`."""


def questions_for(kind: str, priority: int) -> tuple[str, ...]:
    """The questions for an alarm of that kind."""
    if kind in ("fall", "fall_warning"):
        return QUESTIONS["fall"]
    if kind in ("smoke", "gas", "co", "heat"):
        return QUESTIONS["fire"]
    return QUESTIONS["technical" if priority >= 3 else "sos"]
