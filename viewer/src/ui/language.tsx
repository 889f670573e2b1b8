import { For } from "solid-js";
import type { JSX } from "solid-js";
import { useApp } from "../state/app";
import { dictionaries, languages } from "../texts/translate";

/** One button for each other language, in its own words. */
export function LanguageChoice(): JSX.Element {
  const app = useApp();
  return (
    <For each={languages.filter((language) => language !== app.language())}>
      {(language) => (
        <button
          id={`language-${language}`}
          class="nav-link"
          type="button"
          lang={language}
          onClick={() => {
            app.setLanguage(language);
          }}
        >
          {dictionaries[language]["language.name"]}
        </button>
      )}
    </For>
  );
}
