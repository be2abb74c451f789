export type Role = "caregiver" | "operator" | "manager" | "supervisor" | "admin";

/** The signed-in person, as GET /me tells. */
export interface Me {
  id: string;
  login: string;
  name: string;
  role: Role;
  area: string;
  area_name: string | null;
}
