import type { Dictionary } from "../en";
import { browsing } from "./browsing";
import { buying } from "./buying";
import { errors } from "./errors";
import { watching } from "./watching";

/** Nederlands. */
export const nl: Dictionary = { ...browsing, ...buying, ...watching, ...errors };
