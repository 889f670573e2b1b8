import { expect, test } from "vitest";

const texts = import.meta.glob<string>("../src/styles/*.css", { query: "?raw", import: "default", eager: true });
const sheets = Object.keys(texts).sort();
const rulesOf = (name: string) =>
  (texts[name]?.match(/[^{}]+\{[^{}]*\}/g) ?? []).map((rule) => {
    const [selector = "", body = ""] = rule.split("{");
    return { selector: selector.trim(), body };
  });

test("there are sheets to look at", () => {
  expect(sheets.length).toBeGreaterThan(4);
  expect(sheets.every((name) => name.endsWith("index.css") || rulesOf(name).length > 10)).toBe(true);
});

/** What Chromium 68, the engine of television sets still in use, does not know. */
const TOO_NEW = /aspect-ratio|(^|[\s;])inset\s*:|:is\(|:where\(|:has\(|:focus-visible|\b(clamp|min|max)\(|margin-(inline|block)|inset-/;

test.each(sheets)("%s keeps to what old engines know", (name) => {
  for (const { selector, body } of rulesOf(name)) expect(`${selector} { ${body} }`).not.toMatch(TOO_NEW);
});

test.each(sheets)("%s spaces flex boxes by margins", (name) => {
  const spaced = rulesOf(name).filter(({ body }) => /display:\s*(inline-)?flex/.test(body) && /(^|[\s;])gap\s*:/.test(body));
  expect(spaced).toEqual([]);
});
