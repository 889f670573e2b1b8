import { Show, createSignal } from "solid-js";
import type { JSX } from "solid-js";
import { ApiError } from "../api/http";
import { errorInWords, useApp, usePageTitle, useText } from "../state/app";
import { Button } from "../ui/button";
import { LanguageChoice } from "../ui/language";
import { Notice } from "../ui/states";

export function SignInPage(): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("sign_in.title"));
  const [username, setUsername] = createSignal("");
  const [password, setPassword] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<string | null>(null);

  let passwordField: HTMLInputElement | undefined;

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy()) return;
    if (username().trim() === "" || password() === "") {
      setProblem(t("sign_in.missing"));
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      // The frame of the app then leads to where the viewer wanted to go.
      await app.signIn(username().trim(), password());
    } catch (error) {
      setProblem(errorInWords(app.formats(), error));
      // A refused password is typed anew; one that nobody answered may well be right.
      if (error instanceof ApiError) setPassword("");
      passwordField?.focus();
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <p class="brand">{app.operator()?.name ?? "Matinee"}</p>
        <h1>{t("sign_in.title")}</h1>
        <p class="lead">
          <Show when={app.operator()} fallback={t("sign_in.lead_unnamed")}>
            {(operator) => t("sign_in.lead", { operator: operator().name })}
          </Show>
        </p>
        <Show when={app.expired() && problem() === null}>
          <Notice>{t("sign_in.expired")}</Notice>
        </Show>
        <form onSubmit={(event) => void submit(event)} novalidate>
          <Show when={problem()}>
            {(text) => (
              <p class="form-error" role="alert" id="sign-in-problem" data-testid="sign-in-problem">
                {text()}
              </p>
            )}
          </Show>
          <label for="sign-in-username">{t("sign_in.username")}</label>
          <input
            id="sign-in-username"
            data-testid="sign-in-username"
            data-autofocus
            name="username"
            type="text"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            aria-describedby={problem() === null ? undefined : "sign-in-problem"}
            aria-invalid={problem() !== null}
            value={username()}
            onInput={(event) => setUsername(event.currentTarget.value)}
          />
          <label for="sign-in-password">{t("sign_in.password")}</label>
          <input
            ref={(element) => (passwordField = element)}
            id="sign-in-password"
            data-testid="sign-in-password"
            name="password"
            type="password"
            autocomplete="current-password"
            aria-describedby={problem() === null ? undefined : "sign-in-problem"}
            aria-invalid={problem() !== null}
            value={password()}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
          <Button id="sign-in-submit" testId="sign-in-submit" type="submit" look="primary">
            {busy() ? t("sign_in.busy") : t("sign_in.submit")}
          </Button>
        </form>
        <div class="sign-in-foot">
          <LanguageChoice />
        </div>
      </div>
    </main>
  );
}
