"""The robots there are, by the name under which a group is kept."""

from alerts.robot import Robot
from alerts.robot.dingtalk import DingTalk
from alerts.robot.feishu import Feishu
from alerts.robot.wecom import WecomRobot

ROBOTS: dict[str, Robot] = {robot.name: robot for robot in (DingTalk(), Feishu(), WecomRobot())}
