//! The page's look. Colours are variables, so that dark, light and print need no second drawing.

pub(crate) const CSS: &str = r#"
:root{color-scheme:light dark;--page:#fff;--soft:#f5f6f8;--ink:#1a1f26;--muted:#5b6673;--grid:#e3e7ec;--axis:#aab3bd;
--ours:#0b5cad;--other:#b45a12;--venue:#5f9bd6;--venue-ink:#3d7cba;--perp:#e0b48a;--halted:#f3dfa8;--good:#1c7a47;--bad:#b3261e;--flaw:#fdecea;
--own:#8b97a5;--credit:#0b5cad;--fund:#7a5ba6;--winners:#b3261e;--carried:#b45a12}
@media(prefers-color-scheme:dark){:root{--page:#14181d;--soft:#1c2229;--ink:#e6eaee;--muted:#9aa6b2;--grid:#2a323b;--axis:#56616d;
--ours:#69aef2;--other:#e39a55;--venue:#4582c4;--venue-ink:#5b97d6;--perp:#a1764c;--halted:#574a20;--good:#5cc48c;--bad:#f28b82;--flaw:#3b2220;
--own:#6d7986;--credit:#69aef2;--fund:#ab8fd6;--winners:#f28b82;--carried:#e39a55}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1128px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px;letter-spacing:-.01em}
h2{font-size:21px;line-height:1.3;margin:0 0 10px}
h3{font-size:16px;margin:26px 0 8px}
p{margin:0 0 10px;max-width:76ch}
section{margin-top:44px;padding-top:20px;border-top:1px solid var(--grid)}
.lead{font-size:17px;color:var(--muted)}
.note,.muted,.key{color:var(--muted);font-size:14px}.unit{font-size:14px;font-weight:400;color:var(--muted)}
code{font:.92em ui-monospace,Menlo,Consolas,monospace}
nav{font-size:14px;margin:14px 0 0;display:flex;flex-wrap:wrap;gap:2px 16px}nav a{color:var(--ours);text-decoration:none;white-space:nowrap}nav a:hover{text-decoration:underline}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:1px;background:var(--grid);border:1px solid var(--grid);margin:24px 0 10px}
.tile{background:var(--page);padding:14px 16px}.tile p{margin:0}
.tile-title{font-size:13px;color:var(--muted)}.tile-value{font-size:27px;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}
.tile .muted{font-size:13px;line-height:1.4}
.flaws{background:var(--flaw);border-left:4px solid var(--bad);padding:14px 18px;margin:22px 0}.flaws h2{color:var(--bad);font-size:18px}
.flaws p,.flaws ul{margin:0 0 4px}
figure{margin:0}.panel{display:flex;flex-direction:column;justify-content:space-between}figcaption{font-size:14px;line-height:1.4;margin:0 0 6px}
svg{display:block;width:100%;height:auto;overflow:visible;font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;font-variant-numeric:tabular-nums}
svg.narrow{display:none}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:24px;margin-top:18px}.pair>:only-child{grid-column:1/3}
.panels{display:grid;grid-template-columns:repeat(3,1fr);gap:22px 20px;margin:12px 0}
.grid{stroke:var(--grid)}.zero,.axis{stroke:var(--axis)}.tick{fill:var(--muted);font-size:11.5px}.end{text-anchor:end}.mid{text-anchor:middle}
.label{font-weight:600}
text.ink{fill:var(--ink)}text.ours{fill:var(--ours)}text.other{fill:var(--other)}text.venue{fill:var(--venue-ink)}
span.ours{color:var(--ours);font-weight:600}span.other{color:var(--other);font-weight:600}
text.other.low,text.venue.low{font-weight:500}.halo{paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.line-index{stroke:var(--ink);stroke-width:1}.line-mark{stroke:var(--ours);stroke-width:2.6}.line-ours{stroke:var(--ours)}.line-other{stroke:var(--other)}
path.bar-venue{stroke:var(--venue);stroke-width:1.4}path.bar-perp{stroke:var(--perp);stroke-width:1.4}
rect.halted{fill:var(--halted)}rect.worst{fill:var(--bad)}
.auction{fill:var(--page);stroke:var(--bad);stroke-width:2}
.fill-ours{fill:var(--ours)}.fill-other{fill:var(--other);fill-opacity:.72}
.outline-ours{stroke:var(--ours);stroke-width:1;stroke-opacity:.9}
.strip{margin:0 0 10px}.strip-title{display:flex;justify-content:space-between;flex-wrap:wrap;gap:0 16px;max-width:none;margin:0;font-size:14px}
.strip-title span{color:var(--muted)}
.key{display:flex;flex-wrap:wrap;gap:2px 18px;max-width:none}.key>span{white-space:nowrap;display:flex;align-items:center}.key span span{margin-right:6px}
.swatch{display:inline-block;width:18px;height:10px}.swatch.line-index{height:2px;background:var(--ink)}.swatch.line-mark{height:2px;background:var(--ours)}
.swatch.bar-venue{background:var(--venue)}.swatch.bar-perp{background:var(--perp)}.swatch.halted{background:var(--halted)}.swatch.worst{height:3px;background:var(--bad)}
.ring{display:inline-block;width:10px;height:10px;border:2px solid var(--bad);border-radius:50%}
.scroll{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;width:100%;font-size:13px;line-height:1.35;font-variant-numeric:tabular-nums}
th,td{padding:7px 10px;border-bottom:1px solid var(--grid);text-align:right;vertical-align:top}
th{font-weight:600}thead th{vertical-align:bottom;hyphens:none;color:var(--muted);font-weight:500}
th:first-child{text-align:left;padding-left:4px!important;position:sticky;left:0;background:var(--page)}tbody th{font-weight:500}
table.plain td:last-child,table.plain thead th:last-child{text-align:right}table.plain td{overflow-wrap:anywhere}
.measures{min-width:980px;table-layout:fixed}.measures th:first-child{width:20%}.measures td,.measures thead th{padding-left:4px}.reference{background:var(--soft)}
.losses{min-width:680px}.losses td{width:16%}
.better{color:var(--good)}.worse{color:var(--bad)}td span.muted,td span.better,td span.worse{font-size:12px}
.bar{height:8px;margin-top:4px;background:var(--soft)}.bar div{height:8px}
.bar-own{background:var(--own)}.bar-credit{background:var(--credit)}.bar-fund{background:var(--fund)}.bar-winners{background:var(--winners)}.bar-carried{background:var(--carried)}
ul{margin:0 0 10px;padding-left:20px}li{margin:2px 0}section>ul li{line-height:1.45}
dl{margin:0}dt{font-weight:600;font-size:15px;margin-top:8px}dd{margin:0;color:var(--muted);font-size:15px;max-width:80ch}
@media(max-width:860px){.tiles{grid-template-columns:1fr 1fr}.panels{grid-template-columns:1fr 1fr}.pair{grid-template-columns:1fr}.pair>:only-child{grid-column:auto}}
@media(max-width:560px){main{padding:20px 14px 40px}h1{font-size:25px}.panels{grid-template-columns:1fr}svg.wide,svg.half{display:none}svg.narrow{display:block}
.tile{padding:11px 12px}.tile-value{font-size:22px}.measures th:first-child{width:132px;min-width:132px}th,td{padding:6px 7px}}
@media print{:root{color-scheme:light;--page:#fff;--soft:#f5f6f8;--ink:#000;--muted:#444;--grid:#ddd;--axis:#999;--ours:#0b5cad;--other:#b45a12;--venue:#5f9bd6;--venue-ink:#3d7cba;--perp:#e0b48a;
--halted:#f3dfa8;--good:#1c7a47;--bad:#b3261e;--flaw:#fdecea;--own:#8b97a5;--credit:#0b5cad;--fund:#7a5ba6;--winners:#b3261e;--carried:#b45a12}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}body{font-size:10pt}section{margin-top:24px;padding-top:12px}figcaption,.panel{font-size:8.5pt}.tile-value{font-size:15pt}main{max-width:none;padding:0}nav{display:none}
svg.wide,svg.half{display:block}svg.narrow{display:none}.tiles{grid-template-columns:repeat(4,1fr)}.panels{grid-template-columns:repeat(3,1fr)}.pair{grid-template-columns:1fr 1fr}
figure,.strip,.tile,tr,li,dt{break-inside:avoid}h2,h3{break-after:avoid}.method{break-before:page}
.scroll{overflow:visible}.measures,.losses{min-width:0;font-size:6.6pt}.measures td,.measures th{padding:2px 3px}td span.muted,td span.better,td span.worse{font-size:6.2pt}th:first-child{position:static}}
@page{size:A4;margin:12mm}
"#;
