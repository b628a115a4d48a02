/** What the tabs and the shared worker say to one another. */

import type { Hint } from "../api/types";

export type FromTab = { type: "join" } | { type: "leave" };

export type ToTab = { type: "live"; isLive: boolean } | { type: "hint"; hint: Hint };
