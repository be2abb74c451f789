/** The alarm as GET /alarms/{id} gives it; the same object stands in lists and in the live stream. */
export interface Alarm {
  id: string;
  version: number;
  kind: string;
  priority: Priority;
  state: AlarmState;
  owner: { type: "station" | "staff"; id: string; name: string };
  raised_at: string;
  happened_at: string;
  late: boolean;
  /** Called as a drill: nobody is to go, and no home hears of it. */
  drill: boolean;
  /** The desk expects a test call from this home just now; it may be none all the same. */
  test_expected: boolean;
  home: string | null;
  resident: string | null;
  place: { name: string; address: string | null; area: string; area_name: string; time_zone: string; station: string };
  resident_name: string | null;
  device: string | null;
  deadline_at: string | null;
  /** Ladder step reached: 0 = nobody paged yet. Sent back with a move, so that the answer names what it answers. */
  step: number;
  /** The ladder went through all its steps and nobody answered. */
  exhausted: boolean;
  /** When the last-resort list is called, unless somebody answers; and how often it was. */
  last_resort_at: string | null;
  last_resorts: number;
  responses: Response[];
  repeats: number;
  last_repeat_at: string | null;
  /** When repeated presses last brought a step of the ladder forward. */
  urged_at: string | null;
  /** Which devices have signalled it, and which of them say that it is over. */
  devices: { id: string; since: string; over_at: string | null }[];
  /** Of a fall that is suspected: nobody is called before `page_at`; `watching`: movement may still end it. */
  suspicion: { still_until: string; page_at: string; watching: boolean } | null;
  why: Why;
  outcome: Outcome | null;
  note: string | null;
  /** Of the ambulance service that it was handed to. */
  reference: string | null;
  closed_at: string | null;
  /** The alarm of the incident that it is part of. */
  incident: string | null;
  /** The database's clock when this object was read. */
  server_time: string;
}

/** The reason with the figures behind it, whose names depend on the code. */
export interface Why {
  code: string;
  text: { en: string; zh: string };
  since?: string;
  location?: Location;
  /** The events that led to it, the oldest first. */
  evidence?: Evidence[];
  [figure: string]: unknown;
}

export interface Evidence {
  at: string;
  device_id: string;
  /** As in the registry when it was raised. */
  name?: string | null;
  room?: string | null;
  type: string;
  value: number | boolean | string | null;
  message_id: string;
}

/** WGS-84 degrees; `accuracy_m` in metres, null where the device did not tell. */
export interface Location {
  lat: number;
  lon: number;
  accuracy_m: number | null;
}

export type Priority = "life_critical" | "urgent" | "work_order";

export type AlarmState = "suspected" | "raised" | "acknowledged" | "en_route" | "on_scene" | "resolved" | "cancelled";

export type ResponseState = "called" | "accepted" | "declined" | "en_route" | "arrived" | "left" | "handed_back";

/** Where one person stands with one alarm. */
export interface Response {
  staff: string;
  name: string;
  state: ResponseState;
  called_at: string | null;
  accepted_at: string | null;
  en_route_at: string | null;
  /** Since when somebody who is on the way should have been there. */
  overdue_at: string | null;
  arrived_at: string | null;
  left_at: string | null;
}

export const OUTCOMES = ["help_given", "emergency", "handed_to_120", "no_help_needed", "false_alarm", "test"] as const;

/** A drill that nobody answered ends by itself as `not_answered`; nobody chooses that. */
export type Outcome = (typeof OUTCOMES)[number] | "not_answered";

/** What an operator can raise by hand after a telephone call, the usual ones first. */
export const KINDS_BY_HAND = ["sos", "fall", "assist", "smoke", "gas", "leak"] as const;

export function isOpen(alarm: Alarm): boolean {
  return alarm.state !== "resolved" && alarm.state !== "cancelled";
}

/** Nobody has taken it: it rings, and it stands in the page's title. */
export function isUnanswered(alarm: Alarm): boolean {
  return alarm.state === "raised" || alarm.state === "suspected";
}

/** One line of the alarm's append-only event log, as GET /alarms/{id}/events gives it. */
export interface AlarmEvent {
  seq: number;
  at: string;
  device_time: string | null;
  type: string;
  actor: { type: string; id: string | null; name: string | null } | null;
  channel: string | null;
  version: number;
  data: Record<string, unknown>;
}
