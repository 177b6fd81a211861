// A click on a heading sorts its table by that column, a second one the other way round.
for (const head of document.querySelectorAll("thead th")) {
  head.tabIndex = 0;
  head.title = "sort";
  const sort = () => {
    const body = head.closest("table").tBodies[0], place = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "descending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const value = (row) => {
      const text = row.cells[place].textContent, number = parseFloat(text.replace(/[,\u00a0]/g, ""));
      return isNaN(number) ? text : number;
    };
    const order = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b) : typeof a === "number" ? -1 : 1);
    const rows = [...body.rows].sort((a, b) => order(value(a), value(b)) * (down ? 1 : -1));
    body.append(...rows);
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
}
