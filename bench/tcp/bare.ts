import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type Contender, type Take, topicsOf } from '../contender.js'

const SLAB_BYTES = 256 * 1024

/**
 * What Node itself can do, and nothing of what makes it useful: slabs filled with framed messages, one write for each;
 * read where they lie, by offset, without an object for any. The frames are those of ZMTP.
 */
export const contender: Contender = {
  async send(task) {
    const sockets: Socket[] = []
    const server = createServer({ noDelay: true }, (socket) => sockets.push(socket))
    server.listen({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    const head = headOf(topicsOf(task)[0] ?? '', task.size)
    const data = Buffer.alloc(task.size, 1)
    return {
      port: (server.address() as AddressInfo).port,
      async linked() {
        while (sockets.length < task.links) await once(server, 'connection')
      },
      async flood(count) {
        let left = count
        let before: Promise<unknown> = Promise.resolve()
        let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
        let other = Buffer.allocUnsafeSlow(SLAB_BYTES)
        while (left > 0) {
          let at = 0
          for (; left > 0 && at + head.length + data.length <= SLAB_BYTES; left--) {
            for (let i = 0; i < head.length; i++) slab[at++] = head[i] as number
            slab.set(data, at)
            at += data.length
          }
          const run = slab.subarray(0, at)
          await before
          before = Promise.all(sockets.map((socket) => new Promise((taken) => socket.write(run, taken))))
          ;[slab, other] = [other, slab]
        }
        await before
      },
      send(bytes) {
        const frame = Buffer.concat([head, bytes])
        for (const socket of sockets) socket.write(frame)
      },
      answers(take) {
        for (const socket of sockets) parse(socket, head.length + task.size, take)
      },
    }
  },

  async receive(task, port, take) {
    const head = headOf(topicsOf(task)[0] ?? '', task.size)
    const sockets: Socket[] = []
    for (let link = 0; link < task.links; link++) {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      sockets.push(socket)
      parse(socket, head.length + task.size, take)
      await once(socket, 'connect')
    }
    return {
      answer(data) {
        const frame = Buffer.concat([head, data])
        for (const socket of sockets) socket.write(frame)
      },
    }
  },
}

/** All of a message but its data. */
function headOf(topic: string, size: number): Buffer {
  const name = Buffer.from(topic)
  const rest = size < 256 ? [0, size] : [2, 0, 0, 0, 0, size >>> 24, size >>> 16, size >>> 8, size]
  return Buffer.from([1, name.length, ...name, ...rest])
}

function parse(socket: Socket, frameBytes: number, take: Take): void {
  /** Takes all whole messages, and returns where the first one that is not whole begins. */
  const read = (bytes: Buffer, from: number): number => {
    const end = bytes.length
    let at = from
    while (at + 2 <= end) {
      const topicEnd = at + 2 + (bytes[at + 1] as number)
      if (topicEnd + 2 > end) break
      let dataAt = topicEnd + 2
      let size = bytes[topicEnd + 1] as number
      if (bytes[topicEnd] !== 0) {
        dataAt = topicEnd + 9
        if (dataAt > end) break
        size = bytes.readUInt32BE(topicEnd + 5)
      }
      if (dataAt + size > end) break
      take(bytes, dataAt, size)
      at = dataAt + size
    }
    return at
  }
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    let at = 0
    if (rest.length > 0) {
      at = Math.min(frameBytes - rest.length, chunk.length)
      rest = Buffer.concat([rest, chunk.subarray(0, at)])
      if (rest.length < frameBytes) return
      read(rest, 0)
    }
    rest = chunk.subarray(read(chunk, at))
  })
}
