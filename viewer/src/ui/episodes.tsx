import { For, Show } from "solid-js";
import type { JSX } from "solid-js";
import type { Item } from "../api/types";
import type { Episode } from "../catalogue/documents";
import { useApp, useText } from "../state/app";
import { Button } from "./button";

/** The episodes of a season, each with its own Play once the season may be watched. */
export function EpisodeList(props: { item: Item; episodes: Episode[]; playable: boolean }): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <section class="episodes" aria-label={t("film.episodes")}>
      <h2>{t("film.episodes")}</h2>
      <ol>
        <For each={props.episodes}>
          {(episode, index) => (
            <li data-testid={`episode-${String(episode.number)}`}>
              <span class="episode-number">{episode.number}</span>
              <span class="episode-text">
                <span class="episode-title">{episode.title}</span>
                <span class="episode-facts">{t("film.minutes", { count: episode.runtime_minutes })}</span>
              </span>
              <Show when={props.playable}>
                <Button
                  id={`play-${episode.id}`}
                  testId={`play-episode-${String(episode.number)}`}
                  look={index() === 0 ? "primary" : "plain"}
                  icon="play"
                  autofocus={index() === 0}
                  label={t("film.play_episode", { number: episode.number, title: episode.title })}
                  onPress={() => { app.navigator.go({ name: "play", item: props.item, episodeId: episode.id }); }}
                >
                  {t("player.play")}
                </Button>
              </Show>
            </li>
          )}
        </For>
      </ol>
    </section>
  );
}
