/** The page's looks: light and dark after the reader's system, cards instead of tables on phones. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f4; --sheet: #fff; --ink: #1c2320; --faint: #5d6963; --line: #dde2dd;
  --accent: #8a1c4a;
  --up: #d9f2df; --up-ink: #14532d; --down: #fbdcdc; --down-ink: #7f1d1d;
  --change: #fdf0cc; --change-ink: #713f12; --off: #e6e4ee; --off-ink: #43386b;
  --plain: #e8ecea; --plain-ink: #37413c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181a; --sheet: #1c2225; --ink: #e7ecea; --faint: #98a5a0; --line: #2f383b;
    --accent: #f08cb4;
    --up: #12351f; --up-ink: #a7e8bb; --down: #481a1c; --down-ink: #ffb9b9;
    --change: #42340f; --change-ink: #f6d98a; --off: #2b2740; --off-ink: #c9bdf5;
    --plain: #262e31; --plain-ink: #c5cfcb;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
header, main, footer { max-width: 90rem; margin: 0 auto; padding: 1rem 1.25rem; }
h1 { margin: 0; font-size: 1.4rem; }
h1 small { color: var(--faint); font-weight: 400; font-size: .9rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: .4rem; }
a { color: var(--accent); }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0 0; }
dt { color: var(--faint); font-size: .8rem; }
dd { margin: 0; font-size: 1.15rem; font-weight: 600; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem;
  margin-bottom: 1.25rem; overflow: hidden; }
h2 { margin: 0; padding: .6rem .9rem; font-size: 1.05rem; border-bottom: 1px solid var(--line); }
h2 span { color: var(--faint); font-weight: 400; font-size: .85rem; margin-left: .5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { padding: .35rem .6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--faint); font-weight: 500; }
thead th.state { text-align: left; }
tbody th { text-align: left; font-weight: 600; position: sticky; left: 0; background: var(--tint); }
td.state { text-align: left; font-weight: 600; color: var(--word); }
td i { color: var(--faint); font-style: normal; }
tr { --tint: var(--sheet); --word: var(--ink); background: var(--tint); }
tr.up { --tint: var(--up); --word: var(--up-ink); }
tr.down { --tint: var(--down); --word: var(--down-ink); }
tr.change { --tint: var(--change); --word: var(--change-ink); }
tr.off { --tint: var(--off); --word: var(--off-ink); }
tr.plain { --tint: var(--plain); --word: var(--plain-ink); }
tr.sum { font-weight: 600; }
footer { color: var(--faint); font-size: .85rem; }
@media (max-width: 44rem) {
  thead { display: none; }
  table, tbody, tr, th, td { display: block; width: 100%; }
  tr { padding: .5rem .9rem; border-bottom: 2px solid var(--line); }
  th, td { border: 0; padding: .12rem 0; white-space: normal; }
  tbody th { position: static; font-size: 1rem; }
  td { display: flex; justify-content: space-between; gap: 1rem; }
  td::before { content: attr(data-of); color: var(--faint); font-weight: 400; }
}
`;
