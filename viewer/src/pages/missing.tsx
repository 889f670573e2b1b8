import type { JSX } from "solid-js";
import { useApp, usePageTitle, useText } from "../state/app";
import { Button } from "../ui/button";
import { Statement } from "../ui/states";

/** Said wherever an address names a film that the catalogue does not have. */
export function FilmMissing(): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <Statement
      icon="alert"
      title={t("film.missing")}
      actions={
        <Button id="to-films" look="primary" autofocus onPress={() => { app.navigator.returnTo({ name: "home" }); }}>
          {t("purchase.to_films")}
        </Button>
      }
    >
      <p>{t("film.missing_hint")}</p>
    </Statement>
  );
}

export function MissingPage(): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("page.missing"));
  return (
    <Statement
      icon="alert"
      title={t("page.missing")}
      actions={
        <Button
          id="to-films"
          look="primary"
          autofocus
          onPress={() => {
            app.navigator.replace({ name: "home" });
          }}
        >
          {t("purchase.to_films")}
        </Button>
      }
    />
  );
}
