"""The general ranges of vital signs, each with the source of its figure, and how a person's own is made of them.

Both ends of a range are inside it. Blood pressure, heart rate and body water are the limits that the clinical team of
the TIHM study turned out to work by (docs/evaluation-vitals.md); where they agree with a guideline, that is named.
"""

from typing import Annotated

from ingest.detect.core import Parameters, bounded
from ingest.detect.person_range import Limits
from ingest.detect.vitals import Vital

_NEWS2 = "NEWS2, Royal College of Physicians 2017"
_PULSE = "pulse"
_BEAT, _PRESSURE, _PERCENT, _DEGREE = "/min", "mm[Hg]", "%", "Cel"
_OWN = (
    "never, 0: confirmed alerts of TIHM follow the general range however usual a value is (docs/evaluation-vitals.md)"
)


class VitalSignsParameters(Parameters, frozen=True, kw_only=True):
    """`*_low`, `*_high`: the general range. `*_material`: a deviation from the person's usual that matters whatever the
    general range says. `*_widen`: how far usual values may widen it. `*_error`: how far devices err, which is the
    hysteresis, and how much wider the range is on the first day. `heart_rate_*`: at rest, as a cuff measures it;
    `pulse_*`: the heart rate of a stream, day and night."""

    heart_rate_low: Annotated[float, bounded(_BEAT, 25, 90, f"{_NEWS2}: points at 50 and below; TIHM")] = 51
    heart_rate_high: Annotated[float, bounded(_BEAT, 70, 200, "tachycardia: 100 and above; TIHM")] = 99
    heart_rate_material: Annotated[float, bounded(_BEAT, 5, 100, "four times what people scatter by in TIHM")] = 30
    heart_rate_widen: Annotated[float, bounded(_BEAT, 0, 30, _OWN)] = 0
    heart_rate_error: Annotated[float, bounded(_BEAT, 0, 20, "AAMI EC13: 5 a minute")] = 5
    pulse_low: Annotated[float, bounded(_BEAT, 25, 90, f"{_NEWS2}: 3 points at 40 and below; many sleep below 51")] = 41
    pulse_high: Annotated[float, bounded(_BEAT, 70, 200, f"{_NEWS2}: 2 points from 111; who walks is beyond 99")] = 110
    pulse_material: Annotated[float, bounded(_BEAT, 5, 100, "between sleep and a walk lie 30")] = 40
    pulse_widen: Annotated[float, bounded(_BEAT, 0, 30, "a heart that is always fast or slow")] = 5
    pulse_error: Annotated[float, bounded(_BEAT, 0, 20, "AAMI EC13: 5 a minute")] = 5
    respiration_low: Annotated[float, bounded(_BEAT, 4, 20, f"{_NEWS2}: 3 points at 8 and below")] = 9
    respiration_high: Annotated[float, bounded(_BEAT, 12, 50, f"{_NEWS2}: 3 points at 25 and above")] = 24
    respiration_material: Annotated[float, bounded(_BEAT, 3, 30, "two thirds of a usual rate of 12 to 20")] = 8
    respiration_widen: Annotated[float, bounded(_BEAT, 0, 10, "somebody who always breathes fast, up to 27")] = 3
    respiration_error: Annotated[float, bounded(_BEAT, 0, 10, "what monitors differ by from counting")] = 2
    spo2_low: Annotated[float, bounded(_PERCENT, 70, 98, f"{_NEWS2}: 3 points at 91 and below")] = 92
    spo2_material: Annotated[float, bounded(_PERCENT, 2, 30, "finger oximeters err by 2 to 3; twice that")] = 6
    spo2_widen: Annotated[
        float, bounded(_PERCENT, 0, 10, f"{_NEWS2}, second scale: 88 to 92 is the aim in chronic lung disease")
    ] = 4
    spo2_error: Annotated[float, bounded(_PERCENT, 0, 5, "finger oximeters: 2 (A_rms; ISO 80601-2-61 allows 4)")] = 2
    systolic_low: Annotated[float, bounded(_PRESSURE, 50, 120, f"{_NEWS2}: 3 points at 90 and below, and TIHM: only "
                                           "by the lower value; 80 keeps the emergency")] = 80  # fmt: skip
    systolic_high: Annotated[float, bounded(_PRESSURE, 120, 250, "stage 2 from 160, NICE NG136; TIHM")] = 159
    systolic_material: Annotated[float, bounded(_PRESSURE, 15, 100, "four times what people scatter by in TIHM")] = 45
    systolic_widen: Annotated[float, bounded(_PRESSURE, 0, 40, _OWN)] = 0
    systolic_error: Annotated[float, bounded(_PRESSURE, 0, 15, "IEC 80601-2-30: a cuff may err by 3")] = 3
    diastolic_low: Annotated[float, bounded(_PRESSURE, 30, 80, "TIHM: confirmed below 55")] = 55
    diastolic_high: Annotated[float, bounded(_PRESSURE, 80, 150, "stage 2 from 100, NICE NG136; TIHM")] = 99
    diastolic_material: Annotated[float, bounded(_PRESSURE, 10, 60, "four times what people scatter by in TIHM")] = 30
    diastolic_widen: Annotated[float, bounded(_PRESSURE, 0, 20, _OWN)] = 0
    diastolic_error: Annotated[float, bounded(_PRESSURE, 0, 15, "IEC 80601-2-30: a cuff may err by 3")] = 3
    temperature_low: Annotated[float, bounded(_DEGREE, 32, 36.5, "hypothermia: below 35; ear thermometers err")] = 34.5
    temperature_high: Annotated[float, bounded(_DEGREE, 37, 41, f"{_NEWS2}: points from 38.1")] = 38.0
    temperature_material: Annotated[float, bounded(_DEGREE, 0.5, 5, "ten times what people scatter by in TIHM")] = 2.5
    temperature_widen: Annotated[float, bounded(_DEGREE, 0, 2, _OWN)] = 0
    temperature_error: Annotated[float, bounded(_DEGREE, 0, 1, "ASTM E1965: ear thermometers may err by 0.2")] = 0.2
    body_water_low: Annotated[float, bounded(_PERCENT, 20, 60, "TIHM: confirmed below 40")] = 40
    body_water_high: Annotated[float, bounded(_PERCENT, 50, 85, "what scales show of anybody healthy, and TIHM")] = 75
    body_water_material: Annotated[float, bounded(_PERCENT, 1, 20, "four times what people scatter by in TIHM")] = 4
    body_water_widen: Annotated[float, bounded(_PERCENT, 0, 10, _OWN)] = 0
    body_water_error: Annotated[float, bounded(_PERCENT, 0, 5, "scales from one morning to the next")] = 1

    learn_values: Annotated[int, bounded("1", 3, 40, "of 48 kept; a median of five stands two wrong ones")] = 5
    unusual_sds: Annotated[
        float, bounded("1", 2, 20, "in spreads (1.4826 MAD) of the person, beside the material deviation: outliers")
    ] = 4.0
    usual_sds: Annotated[float, bounded("1", 0, 5, "95 % of a person's values, where the range is widened")] = 2.0
    settle_s: Annotated[
        float,
        bounded("s", 0, 1_209_600, "NICE NG136: the first day at home is to be discarded; 0: off"),
    ] = 86_400
    sustain_s: Annotated[
        float, bounded("s", 30, 7200, "movement spoils minutes of a band's values; what lasts ten is the person's")
    ] = 600
    gap_s: Annotated[float, bounded("s", 60, 21_600, "bands that save power measure once an hour; two such gaps")] = (
        7200
    )
    measurements: Annotated[
        int, bounded("1", 1, 5, "TIHM: one is enough, 198 of 199 confirmed; 2 asks for a second one within a day")
    ] = 1
    again_s: Annotated[
        float, bounded("s", 1800, 604_800, "said again while it stays outside, if the alarm was closed meanwhile")
    ] = 14_400
    implausible: Annotated[
        int, bounded("1", 1, 100, "of a stream: one is a slipped band, three in a row the sensor")
    ] = 3
    implausible_spot: Annotated[int, bounded("1", 1, 100, "who measures twice in vain needs another device")] = 2

    def __post_init__(self) -> None:
        """A range has its low end below its high one."""
        for stem in (*Vital, _PULSE):
            low, high = getattr(self, f"{stem}_low", None), getattr(self, f"{stem}_high", None)
            if low is not None and high is not None and low >= high:
                raise ValueError(f"{stem}_low must be below {stem}_high")

    def limits(self, vital: Vital, *, stream: bool) -> Limits:
        """The general range of one vital sign; weight has none. `stream`: measured all the time, not only at rest."""
        stem = _PULSE if stream and vital is Vital.HEART_RATE else vital
        return Limits(
            getattr(self, f"{stem}_low", None),
            getattr(self, f"{stem}_high", None),
            getattr(self, f"{stem}_material", 0.0),
            getattr(self, f"{stem}_widen", 0.0),
            getattr(self, f"{stem}_error", 0.0),
        )
