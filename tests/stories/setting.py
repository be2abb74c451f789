"""Where stories play unless they say otherwise: the people of a station, their ladder, and how it is all written."""

from sqlalchemy import text

from alerts.policy import Policy, Step

#: Unless a story says otherwise. Everybody at the station is called by one of its steps, and nobody by two.
LADDER = Policy(
    name="story",
    steps=(
        Step(delay_s=0, call=("rota:1", "desk")),
        Step(delay_s=60, call=("rota:2",)),
        Step(delay_s=60, call=("manager",)),
    ),
    loop_s=120,
    acknowledged_s=120,
    accepted_s=180,
    en_route_s=1_800,
    on_scene_s=3_600,
)

#: (name, role, tier of the rota)
CAST = (
    ("desk", "operator", None),
    ("manager", "manager", None),
    ("lin", "caregiver", 1),
    ("wu", "caregiver", 2),
    ("passer-by", "caregiver", None),
)

PUT_RELATED = text("""
    INSERT INTO staff (id, name, role, area_code, language) VALUES (:staff, :name, :role, :area, 'en')
""")
PAIR = text("INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :staff, :relation)")
PUT_METHOD = text("""
    INSERT INTO contact_method (id, staff_id, channel, address, rank, verified_at)
    VALUES (:id, :staff, :channel, :address, :rank, carebed_now())
""")
PUT_POLICY = text("INSERT INTO policy (id, station_id, ladder) VALUES (:id, :station, CAST(:ladder AS jsonb))")
