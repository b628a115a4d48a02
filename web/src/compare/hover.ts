/** The job under the mouse, in whichever of the views. */

import { createContext, useContext } from "react";

export interface Hover {
  id: string | null;
  setId: (id: string | null) => void;
}

export const HoverContext = createContext<Hover>({ id: null, setId: () => {} });

/** The job under the mouse, and what tells that the mouse is over one. */
export function useHover() {
  const { id, setId } = useContext(HoverContext);
  const over = (job: string) => ({ onMouseEnter: () => setId(job), onMouseLeave: () => setId(null) });
  return { hovered: id, setHovered: setId, over };
}
