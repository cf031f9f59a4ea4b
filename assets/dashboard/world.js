// The engine as its events tell it: the whole world once, then what changes. Nothing is asked twice.

import { follow, whileSeen } from "./api.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15000;

export class World {
  constructor() {
    this.servers = new Map();
    this.known = false;
    this.live = false;
    this.lost = "";
    this.listeners = new Set();
    this.lastId = "";
  }

  listen(call) {
    this.listeners.add(call);
    return () => this.listeners.delete(call);
  }

  tell() {
    for (const call of this.listeners) call(this);
  }

  fold(event, data, id) {
    if (event === "snapshot") {
      this.servers = new Map(data.servers.map((each) => [each.name, each]));
    } else if (event === "delta") {
      for (const each of data.servers) this.servers.set(each.name, each);
      // Without names they are the same ones as before.
      if (data.names) this.servers = new Map(data.names.map((name) => [name, this.servers.get(name)]));
    } else {
      if (event === "bye") this.lastId = "";
      return;
    }
    for (const name of ["engine", "summary", "paused", "endpoint", "config_problem", "storage_problem", "config_revision"]) this[name] = data[name];
    this.lastId = id;
    this.known = true;
    this.live = true;
    this.tell();
  }

  // Follow for as long as the page is open, over every loss of the engine.
  async run(signal) {
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        await whileSeen(signal, (seen) => follow("/events", (...event) => {
          pause = FIRST_PAUSE;
          this.fold(...event);
        }, { signal: seen, lastId: this.lastId }));
        this.lost = "It has ended.";
      } catch (error) {
        if (signal.aborted || error.status === 401) return;
        this.lost = error.message;
      }
      this.live = false;
      this.tell();
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }
}
