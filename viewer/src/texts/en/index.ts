import { browsing } from "./browsing";
import { buying } from "./buying";
import { errors } from "./errors";
import { watching } from "./watching";

/** Every text of the app, in English: the source that other languages translate. `{name}` is filled in. */
export const en = { ...browsing, ...buying, ...watching, ...errors };

export type TextKey = keyof typeof en;
export type Dictionary = Record<TextKey, string>;
