import { createMemo, createSignal } from "solid-js";
import type { Operator } from "../api/types";
import { deviceStore } from "../platform/storage";
import type { Formats } from "../texts/format";
import { chooseLanguage, formattingLocale, translator } from "../texts/translate";
import type { Language } from "../texts/translate";

const OPERATOR_KEY = "operator";
const LANGUAGE_KEY = "language";

/** The operator's habits and the viewer's language; both are kept, so that the first picture is right. */
export function createLocale() {
  const [operator, setOperator] = createSignal<Operator | null>(deviceStore.read<Operator>(OPERATOR_KEY));
  const [chosen, choose] = createSignal<string | null>(deviceStore.read<string>(LANGUAGE_KEY));
  const language = createMemo(() => chooseLanguage([chosen(), operator()?.locale, ...window.navigator.languages]));
  const formats = createMemo<Formats>(() => ({
    words: translator(language()),
    locale: formattingLocale(language(), operator()?.locale ?? window.navigator.language),
    timeZone: operator()?.time_zone ?? "UTC",
  }));
  return {
    operator,
    language,
    formats,
    setOperator: (found: Operator) => {
      deviceStore.write(OPERATOR_KEY, found);
      setOperator(found);
    },
    setLanguage: (wanted: Language) => {
      deviceStore.write(LANGUAGE_KEY, wanted);
      choose(wanted);
    },
  };
}
