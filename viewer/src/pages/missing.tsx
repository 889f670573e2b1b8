import type { JSX } from "solid-js";
import { useApp, usePageTitle, useText } from "../state/app";
import { Button } from "../ui/button";
import { Statement } from "../ui/states";

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
