import { en } from "./en";
import type { Dictionary, TextKey } from "./en";
import { nl } from "./nl";

/** The languages on offer. Another one is one folder and one line here. */
export const dictionaries = { en, nl } satisfies Record<string, Dictionary>;
export type Language = keyof typeof dictionaries;
export const languages = Object.keys(dictionaries) as Language[];

export type Params = Record<string, string | number>;
/** Names of texts that come in one form for each plural category of a language. */
export type PluralKey = { [K in TextKey]: K extends `${infer Stem}_other` ? Stem : never }[TextKey];

export interface Translator {
  language: Language;
  text(key: TextKey, params?: Params): string;
  /** The form of `key` that suits `count`, which fills `{count}` too. */
  plural(key: PluralKey, count: number, params?: Params): string;
}

function fill(pattern: string, params: Params | undefined): string {
  if (params === undefined) return pattern;
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    return value === undefined ? whole : String(value);
  });
}

export function isTextKey(key: string): key is TextKey {
  return Object.prototype.hasOwnProperty.call(en, key);
}

export function translator(language: Language): Translator {
  const words: Dictionary = dictionaries[language];
  const rules = new Intl.PluralRules(language);
  return {
    language,
    text: (key, params) => fill(words[key], params),
    plural: (key, count, params) => {
      const exact = `${key}_${rules.select(count)}`;
      const chosen = isTextKey(exact) ? exact : (`${key}_other` as TextKey);
      return fill(words[chosen], { count, ...params });
    },
  };
}

/** The first of `wanted` (language tags, best first) that the app speaks; English otherwise. */
export function chooseLanguage(wanted: (string | null | undefined)[]): Language {
  for (const tag of wanted) {
    const base = tag?.toLowerCase().split(/[-_]/)[0];
    const known = languages.find((language) => language === base);
    if (known !== undefined) return known;
  }
  return "en";
}

/** The locale for money and dates: the operator's habits, in the language the viewer reads. */
export function formattingLocale(language: Language, operatorLocale: string): string {
  const [base, ...rest] = operatorLocale.replace(/_/g, "-").split("-");
  const tag = base === language ? [base, ...rest].join("-") : [language, ...rest].join("-");
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? language;
  } catch {
    return language;
  }
}
