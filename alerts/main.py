"""The alerts process: the deadline engine with every room's handlers, and the outbox."""

import gc
import sys
from importlib.util import find_spec

from alerts.asking import Asking
from alerts.attendance import Attendance
from alerts.auditor import Auditor
from alerts.channels import channels, links, set_up
from alerts.drilling import DrillHandler
from alerts.firing import AlarmHandler
from alerts.homeward import Homeward
from alerts.lag import LagWatch
from alerts.outbox import Outbox
from alerts.outgoing import Composer
from alerts.robot.poster import Poster
from alerts.unreached import Unreached
from carebed.database import Database
from carebed.engine import Engine, Handler
from carebed.health import serve_health, shown
from carebed.settings import Settings
from carebed.supervision import run_tasks
from ingest.detection import DetectHandler
from ingest.fall_watch import movements
from ingest.inactivity import InactivityHandler
from ingest.metrics import WatermarkMetrics
from ingest.offline import OfflineHandler
from ingest.outage import OutageHandler
from ingest.silence import LagHandler, arm_watches
from ingest.waking import WakeHandler


async def run(settings: Settings) -> None:
    """Run until SIGTERM; needs `CAREBED_DATABASE_URL`."""
    # What has been loaded is here to stay, and a look at hundreds of homes makes some ten thousand objects that go by
    # themselves: to search all of them for cycles each time took half of the processor.
    gc.freeze()
    gc.set_threshold(250_000)
    # httpcore asks at every request for this package, which is not there, and looks for it on the whole path: a third
    # of what a message costs.
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # Python's own word for "not there"
    database = Database(settings.secret("database_url"), application="carebed-alerts", pool_size=16)
    through = channels(settings)
    lag = LagWatch(database, through)
    handlers: dict[str, Handler] = {
        "alarm": AlarmHandler(through, lag.handled, movements),
        "drill": DrillHandler(through),
        "inactivity": InactivityHandler(through),
        "offline": OfflineHandler(through),
        "outage": OutageHandler(through),
        "lag": LagHandler(through),
        "wake": WakeHandler(),
        "detect": DetectHandler(through),
    }
    engine = Engine(database, handlers, process="alerts")
    tasks = engine.tasks()
    tasks["watches"] = arm_watches(database)
    tasks["overdue-watch"] = lag.run()
    tasks["attendance"] = Attendance(database, through).run()
    # Here as well as in ingest: how far it is behind must also be seen when it is dead.
    watermarks = WatermarkMetrics(database)
    tasks["watermarks"] = watermarks.run()
    ways = set_up(settings)
    pages = links(settings)
    tasks |= Outbox(database, ways, Composer(pages.to if pages else None)).tasks()
    asked = Database(settings.secret("database_url"), application="carebed-asking", pool_size=1)
    tasks |= Asking(asked, ways, through).tasks()
    tasks |= Unreached(database, through).tasks()
    tasks |= Homeward(database, settings, through).tasks()
    audited = Database(settings.secret("database_url"), application="carebed-audit", pool_size=1)
    grouped = Database(settings.secret("database_url"), application="carebed-robots", pool_size=1)
    tasks |= Poster(grouped, settings.robot_hosts.split()).tasks()
    outside = settings.dead_man_url
    tasks |= Auditor(audited, through, outside.get_secret_value() if outside else None).tasks()
    tasks["health"] = serve_health(settings.health_host, settings.health_port, {"engine": engine.ready})
    try:
        async with shown(watermarks):
            await run_tasks(tasks)
    finally:
        for way in ways:
            await way.close()
        await asked.close()
        await grouped.close()
        await audited.close()
        await database.close()
