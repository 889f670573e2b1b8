import { describe, expect, test } from "vitest";
import { en } from "../src/texts/en";
import { formatMoment, formatMoney, formatPosition, formatRate, formatWhen } from "../src/texts/format";
import { chooseLanguage, dictionaries, formattingLocale, languages, translator } from "../src/texts/translate";
import { irish } from "./doubles";

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("translations", () => {
  const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

  test.each(languages)("%s fills the same blanks as English", (language) => {
    for (const [key, text] of Object.entries(dictionaries[language])) {
      expect([key, placeholders(text)]).toEqual([key, placeholders(en[key as keyof typeof en])]);
    }
  });

  test("a count picks its form", () => {
    const words = translator("en");
    expect(words.plural("time.left_hours", 1)).toBe("1 hour left");
    expect(words.plural("time.left_hours", 5)).toBe("5 hours left");
  });

  test("an unknown blank stays visible", () => {
    expect(translator("en").text("film.rent_for", { cost: 1 })).toBe("Rent for {price}");
  });

  test("the first language that the app speaks is taken", () => {
    expect(chooseLanguage([null, "fr-FR", "nl-BE", "en"])).toBe("nl");
    expect(chooseLanguage(["fr"])).toBe("en");
  });

  test("formats follow the operator's country in the viewer's language", () => {
    expect(formattingLocale("nl", "nl-NL")).toBe("nl-NL");
    expect(formattingLocale("en", "nl-NL")).toBe("en-NL");
    expect(formattingLocale("en", "nl_NL")).toBe("en-NL");
    expect(formattingLocale("en", "not a locale!")).toBe("en");
  });
});

describe("money", () => {
  test("minor units follow the currency", () => {
    expect(formatMoney(irish, 499, "EUR")).toBe("€4.99");
    expect(plain(formatMoney({ ...irish, locale: "nl-NL" }, 499, "EUR"))).toBe("€ 4,99");
    expect(formatMoney({ ...irish, locale: "ja-JP" }, 499, "JPY")).toBe("￥499");
  });

  test("credits are counted", () => {
    expect(formatMoney(irish, 1, "CREDIT")).toBe("1 credit");
    expect(formatMoney(irish, 1200, "CREDIT")).toBe("1,200 credits");
  });

  test("a rate is a percentage", () => {
    expect(formatRate(irish, 2100)).toBe("21%");
    expect(formatRate(irish, 550)).toBe("5.5%");
  });
});

describe("times", () => {
  const now = new Date("2026-05-08T18:00:00Z"); // a Friday, 19:00 in Dublin

  test.each([
    ["2026-05-08T20:30:00Z", "today 21:30"],
    ["2026-05-08T23:30:00Z", "tomorrow 00:30"],
    ["2026-05-10T19:00:00Z", "Sun 10 May, 20:00"],
    ["2026-05-15T19:00:00Z", "Fri 15 May, 20:00"],
    ["2027-05-15T19:00:00Z", "Sat 15 May 2027, 20:00"],
    ["2026-05-07T19:00:00Z", "Thu 7 May, 20:00"],
  ])("%s is %s", (iso, words) => {
    expect(formatWhen(irish, iso, now)).toBe(words);
  });

  test("the day is the operator's, not the device's", () => {
    const auckland = { ...irish, timeZone: "Pacific/Auckland" };
    expect(formatWhen(auckland, "2026-05-08T20:30:00Z", now)).toBe("today 08:30");
  });

  test("English without a country uses 24 hours", () => {
    expect(formatMoment({ ...irish, locale: "en" }, "2026-05-08T20:30:00Z")).toBe("8 May 2026, 21:30");
  });

  test("a position is hours, minutes, seconds", () => {
    expect([0, 65, 3723, NaN].map(formatPosition)).toEqual(["0:00", "1:05", "1:02:03", "0:00"]);
  });
});
