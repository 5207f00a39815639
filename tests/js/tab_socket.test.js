import { TabSocket } from "/assets/tabs/tab_socket.js";
import { equal, ok, test } from "./harness.js";
import { RelayWorld } from "./relay.js";

const SOCKET_IO = "/nicegui/socket.io.min.js"; // of the NiceGUI that is installed
await import(SOCKET_IO);
const { io } = /** @type {any} */ (globalThis);

/** What only Socket.IO itself calls, or knows, of its own objects. */
const INTERNAL = new Set([
  ...["onopen", "onerror", "onclose", "onpacket", "onconnect", "onevent", "emitEvent", "ack", "onack", "emitBuffered"],
  ...[
    "ondisconnect",
    "destroy",
    "packet",
    "notifyOutgoingListeners",
    "subEvents",
    "receiveBuffer",
    "acks",
    "ids",
    "constructor",
  ],
]);

function realSocket() {
  return io("http://localhost:1", { autoConnect: false, forceNew: true });
}

function makeSocket() {
  return new TabSocket({ query: { client_id: "client", document_id: "document" } });
}

/** A socket with a link, and what has gone over it. @param {TabSocket} socket */
function attach(socket, received = 0) {
  /** @type {any[]} */
  const sent = [];
  /** @type {any[]} */
  const answers = [];
  socket.attach(
    {
      deliver: (frame) => sent.push([frame.number, frame.event, frame.data]),
      post: (event, args, answer) => {
        sent.push([event, ...args]);
        answers.push(answer);
      },
    },
    received,
  );
  return { sent, answers };
}

/** @param {any} object @returns {string[]} what is public: Socket.IO's build makes all other names short */
function publicNames(object) {
  const names = new Set();
  for (let each = object; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each)) names.add(name);
  }
  return [...names].filter((name) => name.length > 2 && !name.startsWith("_") && !INTERNAL.has(name));
}

/** @param {any} socket what is seen of a socket while handlers come and go */
function useHandlers(socket) {
  /** @type {any[]} */
  const seen = [];
  const first = () => {};
  const second = () => {};
  const watch = (/** @type {any[]} */ ...args) => seen.push(args);
  seen.push(socket.on("a", first) === socket, socket.once("a", second) === socket);
  seen.push(socket.listeners("a").length, socket.hasListeners("a"), socket.hasListeners("b"));
  socket.off("a", second);
  seen.push(socket.listeners("a").length);
  socket.removeListener("a", first);
  seen.push(socket.hasListeners("a"));
  socket.addEventListener("a", first).removeAllListeners("a");
  seen.push(socket.listeners("a").length);
  socket.onAny(first).prependAny(watch);
  seen.push(socket.listenersAny().indexOf(watch), socket.offAny(first).listenersAny().length);
  seen.push(socket.offAny().listenersAny().length);
  socket.onAnyOutgoing(first).prependAnyOutgoing(watch);
  seen.push(socket.listenersAnyOutgoing().indexOf(watch), socket.offAnyOutgoing().listenersAnyOutgoing().length);
  socket.io.once("a", watch);
  socket.io.emit("a", 1, 2);
  socket.io.emit("a", 3);
  socket.io.on("a", watch).off("a", watch).emit("a", 4);
  for (const event of ["connect", "disconnect", "newListener"]) {
    try {
      socket.emit(event);
    } catch (error) {
      seen.push(/** @type {Error} */ (error).message);
    }
  }
  seen.push(socket.connected, socket.disconnected, socket.recovered, socket.nsp, socket.id === undefined);
  seen.push(socket.volatile === socket, socket.timeout(1) === socket, socket.compress(true) === socket);
  return seen;
}

test("a tab socket has everything that the real one has", () => {
  const names = publicNames(realSocket());
  ok(names.includes("emitWithAck"), `no names of Socket.IO: ${names}`);
  const socket = makeSocket();
  equal(
    names.filter((name) => !(name in socket)),
    [],
    "missing",
  );
});

test("handlers come and go as on the real socket", () => {
  equal(useHandlers(makeSocket()), useHandlers(realSocket()));
});

test("a frame that needs no number waits for a link, and is not sent over the next one again", () => {
  const socket = makeSocket();
  socket.emit("ping", 1, "two");
  socket.volatile.emit("ping", 3);
  socket.emit("event", { id: 4 });
  equal(attach(socket).sent, [
    [1, "event", { id: 4 }],
    ["ping", 1, "two"],
  ]);
  socket.detach();
  socket.send("five");
  equal(attach(socket, 1).sent, [["message", "five"]]);
  equal(attach(socket, 1).sent, []);
});

test("the page is given answers, and errors where it asks for them", async () => {
  const socket = makeSocket();
  const { answers } = attach(socket);
  const answered = socket.emitWithAck("double", 21);
  answers[0](42);
  equal(await answered, 42);

  /** @type {any[]} */
  const heard = [];
  socket.emit("double", 1, (/** @type {any} */ answer) => heard.push(answer));
  socket
    .timeout(60_000)
    .emit("double", 2, (/** @type {any} */ error, /** @type {any} */ answer) => heard.push(error, answer));
  answers[1](2);
  answers[2](4);
  answers[2](5);
  equal(heard, [2, null, 4]);

  const late = socket.timeout(1).emitWithAck("double", 3);
  equal(await late.catch((error) => error.message), "operation has timed out");
  answers[3](6);
  const lost = socket.emitWithAck("double", 4);
  const unheard = socket.timeout(60_000).emitWithAck("double", 5);
  socket.detach();
  const reason = "socket has been disconnected";
  equal(await Promise.all([lost, unheard].map((each) => each.catch((error) => error.message))), [reason, reason]);
});

test("a frame whose time is over is not sent any more", async () => {
  const socket = makeSocket();
  const late = socket.timeout(1).emitWithAck("double", 3);
  equal(await late.catch((error) => error.message), "operation has timed out");
  equal(attach(socket).sent, []);
});

test("whoever listens to everything hears what comes in and what goes out", () => {
  const socket = makeSocket();
  /** @type {any[]} */
  const heard = [];
  socket.onAny((/** @type {any[]} */ ...args) => heard.push(["in", ...args]));
  socket.onAnyOutgoing((/** @type {any[]} */ ...args) => heard.push(["out", ...args]));
  socket.on("pair", (/** @type {any[]} */ ...args) => heard.push(args));
  socket.emit("waits", 1);
  equal(heard, []);
  attach(socket);
  socket.emit("event", { id: 2 });
  socket.dispatch("pair", 3, 4);
  equal(heard, [
    ["out", "waits", 1],
    ["out", "event", { id: 2 }],
    ["in", "pair", 3, 4],
    [3, 4],
  ]);
});

/** @param {RelayWorld} world */
function settleIn(world) {
  /** @type {(value?: any) => void} */
  let settle = () => {};
  const session = {
    tag: "",
    mark: { session: "session", opened: null },
    meet: () => {},
    settle: () => new Promise((resolve) => (settle = resolve)),
  };
  const tab = world.open("a", session);
  return async () => {
    session.tag = "session";
    settle();
    await new Promise((resolve) => setTimeout(resolve));
    world.settle(3000);
    return { isConnected: tab.isConnected, hasChannel: tab.channel !== null };
  };
}

test("a page that disconnects, or is left, while its session is settled has no connection until it wants one", async () => {
  for (const leave of ["disconnect", "pagehide"]) {
    const world = new RelayWorld(true);
    const settled = settleIn(world);
    const tab = /** @type {any} */ (world.tab("a"));
    if (leave === "disconnect") tab.socket.disconnect();
    else tab.leave();
    equal(await settled(), { isConnected: false, hasChannel: false }, leave);
    if (leave === "disconnect") tab.socket.connect();
    else tab.comeBack();
    world.settle(3000);
    ok(tab.isConnected, `no connection after ${leave} and a return`);
  }
});

test("a page that disconnects and connects while its session is settled is connected once", async () => {
  const world = new RelayWorld(true);
  const settled = settleIn(world);
  /** @type {any} */ (world.tab("a")).socket.disconnect().connect();
  equal(await settled(), { isConnected: true, hasChannel: true });
  equal(world.server.connections.length, 1, "connections");
});
