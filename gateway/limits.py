"""The limits of the device contract (docs/protocol.md); every one of them is checked in `gateway.payload`."""

from datetime import timedelta

#: Bytes of one MQTT payload, whatever it holds.
MAX_PAYLOAD_BYTES = 512 * 1024

#: Objects in one JSON array (a replayed backlog).
MAX_OBJECTS = 1000

#: Characters of a message id, and of a gateway or device id in a topic.
MAX_ID_CHARACTERS = 64

#: Characters of a message type and of a unit: the longest UCUM unit in use has about twenty.
MAX_TYPE_CHARACTERS = 64
MAX_UNIT_CHARACTERS = 64

#: Levels of objects and arrays below `data`. Vendors nest three or four; the bound keeps readers off their stack limit.
MAX_DATA_DEPTH = 32

#: How far ahead of the received time a device's clock may be before its time counts as unusable.
MAX_CLOCK_AHEAD = timedelta(minutes=10)

#: How long a message id without a usable time counts as the same message.
SAME_ID_WITHOUT_TIME = timedelta(hours=1)

#: SCAIP's figures (SS 91100:2014): a device resends an alarm message every 5 to 20 s, for 3 to 30 min, until receipted.
RESEND_MIN_S = 5.0
RESEND_MAX_S = 20.0
RESEND_AT_MOST = timedelta(minutes=30)

#: Without a receipt for so long a device starts its other route and keeps resending.
OTHER_ROUTE_AFTER = timedelta(seconds=60)

#: A gateway keeps readings and health messages so long after their PUBACK and republishes them after each reconnect.
KEEP_AFTER_PUBACK = timedelta(minutes=2)

#: Reason code of a PUBACK of MQTT 5: the broker took the message, and nobody is subscribed.
NOBODY_LISTENS = 0x10
#: So long a gateway publishes no readings when it was told that; then it goes on, with the same message.
NOBODY_LISTENS_PAUSE_S = 5.0
