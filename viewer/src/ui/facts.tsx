import { For, Show } from "solid-js";
import type { JSX } from "solid-js";
import type { Fact } from "../purchase/invoice";

/** Rows of label and value: an invoice, a receipt. */
export function Facts(props: { facts: Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      <For each={props.facts}>
        {(fact) => (
          <div class="fact" classList={{ "fact-strong": fact.strong === true }}>
            <dt>{fact.label}</dt>
            <dd data-testid={fact.id}>
              <Show when={Array.isArray(fact.value)} fallback={fact.value}>
                <For each={fact.value as string[]}>{(line) => <span class="fact-line">{line}</span>}</For>
              </Show>
            </dd>
          </div>
        )}
      </For>
    </dl>
  );
}
