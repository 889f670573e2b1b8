// Tables in a form: rows are added, moved and removed here; without this file the same buttons ask the server.
(() => {
  const number = (row) => Array.prototype.indexOf.call(row.parentElement.children, row) + 1;

  const renumber = (table) => {
    table.querySelectorAll("[data-key-row]").forEach((row, index) => {
      row.querySelector(".key-number").textContent = String(index + 1);
      for (const part of row.querySelectorAll("[aria-label]")) {
        part.setAttribute("aria-label", part.getAttribute("aria-label").replace(/^Row \d+/, `Row ${index + 1}`));
        if (part.id) part.id = part.id.replace(/-rows-\d+-/, `-rows-${index}-`);
        if (part.name === "rows_action") part.value = part.value.replace(/\d+$/, String(index));
      }
    });
    table.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const say = (table, text) => {
    table.querySelector("[data-key-said]").textContent = text;
  };

  const add = (table) => {
    const rows = table.querySelector("[data-key-rows]");
    rows.append(table.querySelector("template").content.cloneNode(true));
    renumber(table);
    rows.lastElementChild.querySelector("select, input").focus();
  };

  const remove = (table, row) => {
    const next = row.nextElementSibling || row.previousElementSibling;
    say(table, `Row ${number(row)} removed.`);
    row.remove();
    renumber(table);
    (next?.querySelector("select, input") || table.querySelector('button[value$=":add"]')).focus();
  };

  const move = (table, row, button, up) => {
    const other = up ? row.previousElementSibling : row.nextElementSibling;
    if (other && up) other.before(row);
    if (other && !up) other.after(row);
    renumber(table);
    say(table, `Row is number ${number(row)} now.`);
    button.focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest('button[name="rows_action"]');
    if (!button) return;
    event.preventDefault();
    const table = button.closest("[data-key-table]");
    const row = button.closest("[data-key-row]");
    const action = button.value.split(":")[1];
    if (action === "add") add(table);
    else if (action === "remove") remove(table, row);
    else move(table, row, button, action === "up");
  });

  // data-copy: the button puts the text of that control onto the clipboard.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard?.writeText(field.value);
    button.querySelector("span").textContent = "Copied";
  });
})();
