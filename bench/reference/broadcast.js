// A room of browsers, as the README of Node's `ws` has it: whatever one client says is sent to each of them.
//
//     node broadcast.js PORT PACKAGE       PACKAGE: the folder in which npm has installed ws

"use strict";

const [port, folder] = process.argv.slice(2);
const { WebSocket, WebSocketServer } = require(folder);

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), backlog: 4096, perMessageDeflate: false });

server.on("connection", (speaker) => {
  speaker.on("error", console.error);
  speaker.on("message", (data, isBinary) => {
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
    }
  });
});
