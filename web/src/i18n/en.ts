import type { Span } from "../clock/countdown";

const plural = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

/** The English dictionary; its shape is what every other language must fill. */
export const en = {
  brand: "Carebed",
  page: "On call",
  otherLanguage: "中文",
  theme: { toLight: "Light colours", toDark: "Dark colours" },

  signIn: {
    heading: "Sign in to the on-call board",
    login: "Login",
    password: "Password",
    submit: "Sign in",
    busy: "Signing in …",
    wrong: "Login or password is wrong.",
    unanswered: "The server does not answer. Alarms are not shown here now: use the telephone.",
    wait: (seconds: number) => `Too many failed attempts. Wait ${seconds} s, then try again.`,
    refused: (status: number) =>
      `The server refused to sign you in (${status}). Try again, or call the platform operator.`,
    ended: "Your session has ended and could not be renewed. Sign in again: until then no alarms are shown here.",
    byHand: "You are signed out.",
    out: "Sign out",
    missing: "Fill in login and password.",
  },

  line: {
    live: "Live",
    connecting: "Connecting …",
    lost: "Connection lost",
    banner: (since: string) => `Connection lost – this board is not current since ${since} – use the telephone`,
    bannerNever: "No connection – this board is not current – use the telephone",
    retrying: "Trying to reconnect all the time.",
    title: "Connection lost",
    backHeading: (from: string, to: string) => `The line was down from ${from} to ${to}. Meanwhile:`,
    backNothing: "nothing has changed.",
    backNew: (n: number) => plural(n, "new alarm", "new alarms"),
    backChanged: (n: number) => `${n} changed`,
    backLeft: (n: number) => `${n} closed or gone from your area`,
    dismiss: "Seen",
    missedNew: "new while the line was down",
    missedChanged: "changed while the line was down",
  },

  sound: {
    blocked: "The browser keeps the sound off until you click here or press any key.",
    unlock: "Switch the sound on",
    on: "Sound on",
  },

  board: {
    open: "Open",
    closed: "Recently closed",
    openHeading: "Open alarms, most urgent first",
    justClosed: "Just closed",
    none: "No open alarms.",
    noneHint: "A new one appears here by itself, with a sound.",
    noneClosed: "Nothing has been closed yet.",
    loading: "Loading …",
    failedToLoad: "Could not be loaded.",
    retry: "Try again",
    newAlarm: (kind: string, place: string, who: string | null) =>
      `New alarm: ${kind}, ${place}${who ? `, ${who}` : ""}`,
    repeated: (kind: string, place: string, n: number) => `${kind}, ${place}: ${plural(n, "press", "presses")}`,
    called: (kind: string, place: string) => `You are being called: ${kind}, ${place}`,
    waiting: (n: number) => `${n} unanswered`,
    select: (kind: string, place: string) => `${kind}, ${place}: select`,
    broken: "This alarm cannot be shown. Ask for it by telephone; its number:",
  },

  card: {
    nextStep: "to the next step",
    overdue: "overdue",
    noDeadline: "no deadline",
    raised: (span: string) => `raised ${span} ago`,
    closedAt: (time: string) => `closed ${time}`,
    late: (happened: string) => `late: happened ${happened}`,
    repeats: (n: number) => `pressed ${n} times`,
    signals: (n: number) => `signalled ${n} times`,
    exhausted: "Nobody answered. The ladder is at its end: act now",
    allCalled: "Everybody on the ladder has been called",
    calledYou: "You are being called",
    step: (n: number) => (n === 0 ? "nobody called yet" : `step ${n}`),
    owner: "Held by",
    station: "desk",
    resident: "Resident",
    address: "Address",
    happened: "Happened",
    raisedAt: "Raised",
    noResident: "resident unknown",
    device: "Device",
    area: "Area",
    stationLabel: "Station",
    outcome: "Outcome",
    responses: "Called",
    didNotAnswer: "did not answer",
    why: "Why",
    details: "Details",
    closeDetails: "Back to the list",
  },

  span: (span: Span): string => {
    if (span.hours >= 48) return `${Math.floor(span.hours / 24)} days`;
    if (span.hours > 0) return `${span.hours} h ${span.minutes} min`;
    if (span.minutes > 0) return `${span.minutes} min ${span.seconds} s`;
    return `${span.seconds} s`;
  },
  seconds: "s",

  moves: {
    acknowledge: "Acknowledge",
    accept: "Accept",
    "en-route": "On the way",
    arrive: "Arrived",
    leave: "Left",
    resolve: "Resolve …",
    "hand-back": "Hand back",
    decline: "Decline",
    escalate: "Escalate",
    comment: "Comment …",
    reopen: "Reopen",
    for: "for",
    self: (name: string) => `myself (${name})`,
    underWay: (move: string) => `${move}: under way …`,
    group: "Moves",
    retry: "Send again",
    dismiss: "Dismiss",
    notPossible: (move: string) => `“${move}” is not possible for this alarm now.`,
  },

  trouble: {
    unanswered: (move: string) =>
      `“${move}” got no answer. It is not known whether it was carried out. Sending it again is safe.`,
    conflict: (move: string, state: string) => `“${move}” is no longer possible. The alarm is now: ${state}.`,
    conflictUnknown: (move: string) => `“${move}” is not possible in the alarm's present state.`,
    forbidden: (move: string) => `“${move}” was refused: you have no right to do this.`,
    unknownAlarm: (move: string) => `“${move}” was refused: the alarm is not in your area (any more).`,
    refused: (move: string, status: number, detail: string) =>
      `“${move}” was not carried out (${status}${detail ? `: ${detail}` : ""}).`,
    failed: (move: string) => `“${move}” was not carried out: the server failed. Try again, or use the telephone.`,
    stale: (move: string) => `“${move}” counts, although it answered an earlier step.`,
  },

  kinds: {
    sos: "SOS",
    fall: "Fall",
    smoke: "Smoke",
    gas: "Gas",
    assist: "Assistance",
    doorbell: "Doorbell",
    leak: "Water leak",
    inactivity: "No activity",
    lag: "System lag",
    offline: "Device offline",
    vital_signs: "Vital signs",
    vital: "Vital signs",
    zone: "Left the safe zone",
    bed: "Bed",
    check_in: "Missed “I'm OK”",
    battery: "Low battery",
    tamper: "Tampering",
    mains: "Power cut",
    power_cut: "Power cut",
    worn: "Not worn",
  } as Record<string, string>,

  priorities: { life_critical: "Life-critical", urgent: "Urgent", work_order: "Work order" },

  states: {
    suspected: "Suspected, may still be cancelled",
    raised: "Unanswered",
    acknowledged: "Acknowledged",
    en_route: "Help is on the way",
    on_scene: "Help is there",
    resolved: "Resolved",
    cancelled: "Cancelled by the wearer",
  },

  responseStates: {
    called: "called, no answer yet",
    accepted: "accepted",
    declined: "declined",
    en_route: "on the way",
    arrived: "arrived",
    left: "left",
    handed_back: "handed back",
  },

  outcomes: {
    emergency: "Emergency",
    help_given: "Help given",
    no_help_needed: "No help needed",
    false_alarm: "False alarm",
    test: "Test",
    handed_to_120: "Handed over to 120",
  },

  events: {
    heading: "Event log",
    none: "No events.",
    types: {
      raised: "raised",
      suspected: "suspected",
      confirmed: "confirmed",
      repeated: "signalled again",
      paged: "next step of the ladder",
      no_one_on_call: "nobody on call",
      acknowledged: "acknowledged",
      acknowledgement_expired: "acknowledgement expired",
      accepted: "accepted",
      acceptance_expired: "accepted but not moving: called again",
      en_route: "on the way",
      arrival_overdue: "arrival overdue",
      arrived: "arrived",
      on_scene_overdue: "on scene for too long",
      left: "left",
      handed_back: "handed back",
      declined: "declined",
      escalated: "escalated",
      comment: "remark",
      move_refused: "move refused",
      cancelled: "cancelled by the wearer",
      cancel_remark: "the wearer wants to cancel",
      resolved: "resolved",
      reopened: "reopened",
    } as Record<string, string>,
    actors: { device: "device", engine: "system", desk: "desk", staff: "staff" } as Record<string, string>,
    deviceTime: (time: string) => `by the device's clock ${time}`,
  },

  visits: {
    heading: "Visits on record",
    none: "No visit on record yet.",
    from: (start: string, end: string | null) => (end ? `${start} – ${end}` : `since ${start}`),
    kinds: { emergency: "Emergency visit" } as Record<string, string>,
  },

  resolve: {
    heading: "Resolve the alarm",
    outcome: "What was found?",
    note: "Note",
    notePlaceholder: "What happened, what was done, who was told",
    submit: "Resolve",
  },

  comment: { heading: "Comment", note: "Remark for the record", submit: "Save the comment" },

  raise: {
    open: "Raise by hand",
    heading: "Raise an alarm by hand",
    intro: "Somebody telephoned: choose the home and what has happened.",
    search: "Home: name, address or resident",
    searching: "Searching …",
    noHomes: "No home found.",
    searchFailed: "The homes could not be searched.",
    kind: "What has happened?",
    note: "Note",
    notePlaceholder: "Who called, from which number, what was said",
    submit: "Raise the alarm",
    busy: "Raising …",
    chooseHome: "Choose a home first.",
    unanswered: "No answer. It is not known whether the alarm was raised. Sending it again is safe.",
    refused: (status: number, detail: string) => `Not raised (${status}${detail ? `: ${detail}` : ""}).`,
  },

  dialog: { cancel: "Cancel", close: "Close" },

  help: {
    open: "Help",
    heading: "Keys",
    select: "select the next or previous alarm",
    responder: "choose the next person for the responder's moves",
    raise: "raise an alarm by hand",
    tabs: "open alarms / recently closed",
    unanswered: "select the most urgent unanswered alarm",
    help: "this help",
    singleKeys: "Single keys make moves (switch off if you use speech input)",
    countdown: "The big number is the time left until the system takes the next step by itself.",
  },

  crash: {
    heading: "The page has failed – use the telephone",
    body: "Reload the page. If it fails again, call the platform operator.",
    reload: "Reload",
  },

  roles: {
    caregiver: "Caregiver",
    operator: "Operator",
    manager: "Manager",
    supervisor: "Supervisor",
    admin: "Administrator",
  },
};

export type Dictionary = typeof en;
