// Wide tables can be scrolled by keyboard; the search has a name; the tables of the leaderboard are sorted by a button in the head of each column.
document$.subscribe(() => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap")) wide.tabIndex = 0;
  document.querySelector(".md-search").ariaLabel = "Search";
  if (!location.pathname.includes("/leaderboard/")) return;
  for (const head of document.querySelectorAll("article th")) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => sort(head);
  }
});

const order = new Intl.Collator(undefined, { numeric: false });

function sort(head) {
  const down = head.ariaSort !== "descending";
  for (const other of head.parentNode.children) other.ariaSort = null;
  head.ariaSort = down ? "descending" : "ascending";
  const body = head.closest("table").tBodies[0];
  const value = (row) => row.cells[head.cellIndex].textContent.trim();
  const compare = (a, b) => {
    const [x, y] = [parseFloat(a), parseFloat(b)];
    if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;  // what is no number comes last
    return (isNaN(x) ? order.compare(b, a) : y - x) * (down ? 1 : -1);
  };
  body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
}
