/** A visit on record, as GET /visits?alarm= gives it. */
export interface Visit {
  id: string;
  alarm: string | null;
  home: string | null;
  resident: string | null;
  staff: string;
  staff_name: string | null;
  kind: string;
  started_at: string;
  ended_at: string | null;
  outcome: string | null;
}
