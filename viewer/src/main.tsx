import "@fontsource-variable/figtree/index.css";
import "./styles/index.css";
import { batch, createSignal } from "solid-js";
import { render } from "solid-js/web";
import { App } from "./app";
import { FocusLayer } from "./focus/layer";
import { PlaceMemory } from "./focus/memory";
import { FocusRestorer } from "./focus/restore";
import { describeDevice, detectCategory } from "./platform/device";
import { deviceStore, visitStore } from "./platform/storage";
import { Navigator } from "./router/navigator";
import type { Visit } from "./router/navigator";
import { AppContext, createApp } from "./state/app";

function start(root: HTMLElement): void {
  const category = detectCategory(window.location.search, window.navigator.userAgent);
  document.documentElement.setAttribute("data-device", category);
  document.documentElement.setAttribute("data-input", category === "tv" ? "keys" : "pointer");

  render(() => {
    const [leaving, setLeaving] = createSignal(false);
    const places = new PlaceMemory(visitStore);
    const layer = new FocusLayer(root, () => {
      // At home Back asks once; a browser has its own way out.
      if (!navigator.back() && category === "tv") setLeaving(true);
    });
    const restorer = new FocusRestorer(root, layer, places);
    const navigator = new Navigator(window, (next) => {
      restorer.enter(next.key);
      batch(() => setVisit(next));
    });
    const [visit, setVisit] = createSignal<Visit>(navigator.current());
    const device = describeDevice(deviceStore, category, window.navigator.userAgent);
    const app = createApp({ device, visit, navigator, layer, places });
    layer.start();
    restorer.start();
    restorer.enter(navigator.current().key);
    return (
      <AppContext.Provider value={app}>
        <App leaving={leaving()} onStay={() => setLeaving(false)} />
      </AppContext.Provider>
    );
  }, root);
}

const root = document.getElementById("app");
if (root !== null) start(root);
