import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'
import { type Contender, topicsOf } from '../contender.js'

/** Messages after which all links are awaited, so that no more than fanwire lets wait waits for any of them. */
const AWAITED = 1_000
const BINARY = { binary: true }

/** npm ws, each message in a frame of its own: the topic, a zero, the data. */
export const contender: Contender = {
  async send(task) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    await once(server, 'listening')
    const head = Buffer.from(`${topicsOf(task)[0]}\0`)
    const bodyOf = (data: Uint8Array) => Buffer.concat([head, data])
    const body = bodyOf(Buffer.alloc(task.size, 1))
    const sendLast = (client: WebSocket) =>
      new Promise<void>((resolve, reject) =>
        client.send(body, BINARY, (error) => (error === undefined || error === null ? resolve() : reject(error))),
      )
    return {
      port: server.address().port,
      async linked() {
        while (server.clients.size < task.links) await once(server, 'connection')
      },
      async flood(count) {
        const clients = [...server.clients]
        for (let i = 1; i <= count; i++) {
          if (i % AWAITED === 0 || i === count) await Promise.all(clients.map(sendLast))
          else for (const client of clients) client.send(body, BINARY)
        }
      },
      send(data) {
        for (const client of server.clients) client.send(bodyOf(data), BINARY)
      },
    }
  },

  async receive(task, port, take) {
    for (let link = 0; link < task.links; link++) {
      const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
      client.on('message', (body: Buffer) => {
        const at = body.indexOf(0) + 1
        take(body, at, body.length - at)
      })
      await once(client, 'open')
    }
    return {}
  },
}
