// Prints what two calendar libraries read of the file on standard input: by library, the name and the events.
// The libraries lie in the folder named by READERS.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.env.READERS, "package.json"));
const text = readFileSync(0, "utf-8");

function withIcalJs() {
  const ICAL = require("ical.js").default ?? require("ical.js");
  const calendar = new ICAL.Component(ICAL.parse(text));
  const events = calendar.getAllSubcomponents("vevent").map((component) => {
    const event = new ICAL.Event(component);
    return {
      uid: event.uid,
      sequence: event.sequence,
      start: event.startDate.toJSDate().toISOString(),
      end: event.endDate.toJSDate().toISOString(),
      status: component.getFirstPropertyValue("status"),
      summary: event.summary,
      description: event.description,
    };
  });
  return { name: calendar.getFirstPropertyValue("x-wr-calname"), events };
}

function withNodeIcal() {
  const read = require("node-ical").sync.parseICS(text);
  const events = Object.values(read)
    .filter((one) => one.type === "VEVENT")
    .map((one) => ({
      uid: one.uid,
      sequence: Number(one.sequence),
      start: one.start.toISOString(),
      end: one.end.toISOString(),
      status: one.status,
      summary: one.summary,
      description: one.description,
    }));
  return { name: read.vcalendar["WR-CALNAME"], events };
}

console.log(JSON.stringify({ "ical.js": withIcalJs(), "node-ical": withNodeIcal() }));
