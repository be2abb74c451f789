/** Line drawings on a 24 by 24 grid, two units thick; decoration beside a word, never instead of one. */
const PATHS = {
  sos: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7.5v6M12 16.6v.1",
  fall: "M16.5 5.6a1.8 1.8 0 1 0 0-.1ZM14 9.2l-4.2 2.3-3.6-2M9.8 11.5l2.6 3.8-4.6 3M12.4 15.3l5.2.6M3 21h18",
  smoke:
    "M12 21c-3.6 0-6-2.3-6-5.6 0-3.4 2.6-4.9 3.3-8.4 2 .9 2.9 2.3 3 4.1 1-.6 1.6-1.7 1.5-3.1 2.6 1.9 4.2 4.5 4.2 7.4 0 3.3-2.4 5.6-6 5.6Z",
  gas: "M7 18h10a4 4 0 0 0 .6-7.950A5.5 5.5 0 0 0 7 9.3 4.4 4.4 0 0 0 7 18ZM9 21.5h.1M12 21.5h.1M15 21.5h.1",
  assist:
    "M8 12.5V5.8a1.5 1.5 0 0 1 3 0V11M11 10.5V4.3a1.5 1.5 0 0 1 3 0v6.2M14 10.8V6a1.5 1.5 0 0 1 3 0v8.5A6.5 6.5 0 0 1 10.5 21c-2.4 0-3.8-1.2-5-3.4l-1.9-3.5c-.9-1.8 1.3-2.9 2.5-1.5L8 14.5",
  doorbell: "M6 17V11a6 6 0 1 1 12 0v6l1.5 1.5h-15ZM10 21h4",
  leak: "M12 3.5c3.3 4 5.5 7 5.5 10.2a5.5 5.5 0 0 1-11 0C6.5 10.5 8.7 7.5 12 3.5ZM9.5 14.5a2.6 2.6 0 0 0 2.3 2.3",
  inactivity: "M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7ZM15 5h4l-4 4.5h4",
  offline: "M4 9.5a12 12 0 0 1 4-2.4M20 9.5a12 12 0 0 0-6.5-3M7.5 13.3a7 7 0 0 1 2.6-1.5M12 18.5h.1M4 4l16 16",
  lag: "M12 4a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 8v5l3.2 2M9.5 1.8h5",
  heart:
    "M12 20s-7.5-4.6-7.5-10.2A4.2 4.2 0 0 1 12 7.3a4.2 4.2 0 0 1 7.5 2.5C19.5 15.4 12 20 12 20ZM7.5 12.5h2.3l1.4-2.5 1.8 4 1.2-1.5h2.3",
  place: "M12 21s-6.5-5.9-6.5-11a6.5 6.5 0 0 1 13 0c0 5.1-6.5 11-6.5 11ZM12 8a2.2 2.2 0 1 0 0 4.4A2.2 2.2 0 0 0 12 8Z",
  bed: "M3.5 19V7M3.5 16h17v3M20.5 16v-1.5a3.5 3.5 0 0 0-3.5-3.5H10v5M6.8 9.5a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4Z",
  check: "M5 12.5l4.5 4.5L19.5 7",
  battery: "M4 8h14v8H4ZM18 10.5h2.5v3H18M7 10.5v3",
  bell: "M6 17V11a6 6 0 1 1 12 0v6l1.5 1.5h-15ZM10 21h4",
  person: "M12 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM5 20c.5-3.6 3.3-5.5 7-5.5s6.5 1.9 7 5.5",
  phone:
    "M6 3.5h3l1.5 4.2-2 1.5a12 12 0 0 0 6.3 6.3l1.5-2 4.2 1.5v3c0 1.4-1 2.5-2.4 2.5C10.2 20.2 3.8 13.8 3.5 5.9 3.5 4.5 4.6 3.5 6 3.5Z",
  way: "M13.5 4.6a1.6 1.6 0 1 0 0-.1ZM12.8 8.2l-3.3 2-.8 3M12.8 8.2l1.5 5-2.5 3-1 4.5M14.3 13.2l2.5 3 .8 4.3M13.3 9.3l2.5 2.2 2.7.2",
  cross: "M6 6l12 12M18 6L6 18",
  back: "M14.5 5.5L8 12l6.5 6.5",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 7.5V12l3 2",
  plus: "M12 5v14M5 12h14",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM9.6 9.7A2.5 2.5 0 0 1 12 8c1.4 0 2.5.9 2.5 2.2 0 1.8-2.5 1.9-2.5 3.6M12 16.6v.1",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  mute: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM16 9.5l5 5M21 9.5l-5 5",
  moon: "M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7Z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  out: "M10 4.5H5.5v15H10M14 8l4 4-4 4M18 12H9.5",
  // One shape for each priority, so that it can be told without its colour.
  life_critical: "M12 3.5L21.5 20h-19ZM12 9.5v5M12 17.2v.1",
  urgent: "M12 2.8L21.2 12 12 21.2 2.8 12ZM12 8v5M12 15.7v.1",
  work_order: "M4.5 4.5h15v15h-15ZM8 9.5h8M8 14.5h5",
} as const;

export type IconName = keyof typeof PATHS;

const OF_KIND: Record<string, IconName> = {
  sos: "sos",
  fall: "fall",
  smoke: "smoke",
  gas: "gas",
  assist: "assist",
  doorbell: "doorbell",
  leak: "leak",
  inactivity: "inactivity",
  lag: "lag",
  audit: "lag",
  readiness: "lag",
  offline: "offline",
  vital: "heart",
  vital_signs: "heart",
  zone: "place",
  bed: "bed",
  check_in: "check",
  battery: "battery",
  mains: "battery",
  outage: "offline",
  power_cut: "battery",
};

/** The drawing of an alarm's kind; a kind that this page does not know yet is a bell. */
export function iconOfKind(kind: string): IconName {
  return OF_KIND[kind] ?? "bell";
}

export function Icon({ name, className = "" }: { name: IconName; className?: string }) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
