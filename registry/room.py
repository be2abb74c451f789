"""Where in a home a device is, as far as anybody judges by it."""

#: What `device.room` may be: a door at the entrance is the way out.
ROOMS = ("entrance", "bedroom", "living_room", "kitchen", "bathroom", "toilet", "hall", "other")
