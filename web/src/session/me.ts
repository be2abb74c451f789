export type Role = "caregiver" | "operator" | "manager" | "supervisor" | "admin" | "neighbour" | "volunteer" | "family";

/** Who works at the desk: takes charge, raises, reopens, answers for others. */
export function atDesk(me: Me): boolean {
  return me.role === "operator" || me.role === "manager" || me.role === "admin";
}

/** The signed-in person, as GET /me tells. */
export interface Me {
  id: string;
  login: string;
  name: string;
  role: Role;
  area: string;
  area_name: string | null;
}
