/**
 * The page's looks: rows in HAProxy's colours, light and dark after the reader's system, cards
 * instead of tables on phones.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f4; --sheet: #fff; --ink: #1c2320; --faint: #5d6963; --line: #dde2dd;
  --accent: #8a1c4a;
  --up: #c0ffc0; --up-ink: #14532d; --down: #ff9090; --down-ink: #5f0f0f;
  --rising: #ffd020; --sinking: #ffffa0; --change-ink: #5c330c;
  --maint: #c07820; --maint-ink: #1c1206; --drain: #20a0ff; --drain-ink: #05203a;
  --backup: #b0d0ff; --plain: #e0e0e0; --plain-ink: #37413c; --sum: #e8e8d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181a; --sheet: #1c2225; --ink: #e7ecea; --faint: #98a5a0; --line: #2f383b;
    --accent: #f08cb4;
    --up: #12351f; --up-ink: #a7e8bb; --down: #481a1c; --down-ink: #ffb9b9;
    --rising: #55400a; --sinking: #42340f; --change-ink: #f6d98a;
    --maint: #55330c; --maint-ink: #f3c894; --drain: #0c3a5f; --drain-ink: #a9d6ff;
    --backup: #1f3557; --plain: #262e31; --plain-ink: #c5cfcb; --sum: #2f3027;
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
tr.up.backup { --tint: var(--backup); }
tr.rising { --tint: var(--rising); --word: var(--change-ink); }
tr.sinking { --tint: var(--sinking); --word: var(--change-ink); }
tr.maint { --tint: var(--maint); --word: var(--maint-ink); }
tr.drain { --tint: var(--drain); --word: var(--drain-ink); }
tr.plain { --tint: var(--plain); --word: var(--plain-ink); }
tr.sum { --tint: var(--sum); font-weight: 600; }
.notice { margin: 1rem 0 0; padding: .5rem .9rem; border-radius: .4rem; background: var(--plain); }
.notice.up { background: var(--up); } .notice.down { background: var(--down); }
.notice.sinking { background: var(--sinking); }
.menu { margin: 0; padding: .6rem .9rem; }
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
