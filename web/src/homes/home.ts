/** A home as GET /homes?q= finds it. */
export interface Home {
  id: string;
  name: string;
  address: string | null;
  area_name: string | null;
  residents?: { id: string; name: string }[];
}
