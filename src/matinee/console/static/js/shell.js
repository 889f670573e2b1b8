// The frame: drawer, menus, dialogs and messages. Everything hangs on data attributes.
(() => {
  const drawer = () => document.getElementById("drawer");
  const opener = () => document.querySelector("[data-drawer-open]");
  const scrim = () => document.querySelector(".scrim");

  const setDrawer = (open) => {
    if (!drawer()) return;
    drawer().classList.toggle("is-open", open);
    scrim().hidden = !open;
    document.querySelector(".shell").inert = open;
    opener().setAttribute("aria-expanded", String(open));
    (open ? drawer().querySelector("a") : opener()).focus();
  };

  // The second half of a double press on what opens a dialog must not close it, nor press what lies there now. It
  // comes before any first press, however slow the machine is.
  let justOpened = false;
  const swallowSecondHalf = (event) => {
    if (event.type === "mousedown" && event.detail < 2) justOpened = false;
    if (!justOpened || event.detail < 2 || !event.target.closest("dialog")) return;
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("mousedown", swallowSecondHalf, true);
  document.addEventListener("click", swallowSecondHalf, true);

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target.closest("[data-drawer-open]")) setDrawer(true);
    if (target.closest("[data-drawer-close]")) setDrawer(false);

    const open = target.closest("[data-open-dialog]");
    if (open) {
      document.getElementById(open.dataset.openDialog).showModal();
      justOpened = true;
    }
    if (target.closest("[data-close-dialog]")) target.closest("dialog").close();
    if (target.matches("dialog")) closeOutside(target, event);

    if (target.closest("[data-toast-close]")) target.closest("[data-toast]").remove();
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });

  // A press on the backdrop hits the dialog itself, outside its box.
  const closeOutside = (dialog, event) => {
    const box = dialog.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  };

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (drawer()?.classList.contains("is-open")) setDrawer(false);
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // What a page asks by itself does not count as somebody at work; and what a form asks while it is being
  // filled in must not lead away from it when the session has ended.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceEvent?.type === "every") ctx.request.headers["x-background"] = "yes";
    if (ctx.sourceElement.closest("form[data-guard], [data-quiet]")) ctx.request.headers["x-quiet"] = "yes";
  });

  // What renews itself waits while somebody reads or works in it.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const part = ctx.sourceElement.closest("[data-live]");
    if (!part || ctx.sourceEvent?.type !== "every") return;
    if (document.querySelector("dialog[open]") || part.querySelector("details[open], :focus")) event.preventDefault();
  });

  // On a phone a row of tabs is wider than the page: the one that is open is the one to see.
  document.querySelectorAll(".tabs-row [aria-current]").forEach((tab) => {
    const row = tab.parentElement;
    row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  });

  const TOAST_MS = 8000;
  const leaveLater = (toast) => {
    let timer = setTimeout(() => toast.remove(), TOAST_MS);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("focusin", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => {
      timer = setTimeout(() => toast.remove(), TOAST_MS);
    });
  };
  // Errors stay until they are closed; what went well may leave by itself.
  document.querySelectorAll("[data-toast]:not(.tone-bad)").forEach(leaveLater);
})();
