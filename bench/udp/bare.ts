import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Contender, type Take, topicsOf } from '../contender.js'
import { ReceivingFlow, SendingFlow } from './flow.js'
import {
  blockOf,
  blocksIn,
  COUNT_AT,
  HEADER_BYTES,
  hostOf,
  LOOPBACK,
  RECEIVE_BUFFER_BYTES,
  SEQUENCE_AT,
} from './packets.js'

const SLAB_BYTES = 256 * 1024
const SESSION = 'BAREPAIR00'

/**
 * What Node itself can do, and nothing of what makes it useful: packets packed by hand into slabs, one send for each;
 * read where they lie, by offset, without an object for any message.
 */
export const contender: Contender = {
  async send(task) {
    const flow = await SendingFlow.listen()
    const socket = createSocket('udp4')
    socket.on('error', fail)
    socket.bind({ address: LOOPBACK, port: 0, exclusive: true })
    await once(socket, 'listening')
    const block = blockOf(topicsOf(task)[0] ?? '', task.size)
    const most = blocksIn(block.length)
    const packetBytes = HEADER_BYTES + most * block.length
    let next = 1
    let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    let other = Buffer.allocUnsafeSlow(SLAB_BYTES)

    /** Sends one packet of `count` messages, which lies at `at` in the slab. Returns where it ends. */
    const pack = (at: number, count: number, taken: (() => void) | undefined): number => {
      let end = at
      end += slab.write(SESSION, end, 'latin1')
      end = slab.writeUInt32BE(Math.floor(next / 2 ** 32), end)
      end = slab.writeUInt32BE(next >>> 0, end)
      end = slab.writeUInt16BE(count, end)
      for (let i = 0; i < count; i++) {
        slab.set(block, end)
        end += block.length
      }
      next += count
      // Without a callback but for the last: Node calls each in a tick of its own.
      if (taken === undefined) socket.send(slab.subarray(at, end))
      else socket.send(slab.subarray(at, end), taken)
      return end
    }

    return {
      port: flow.port,
      async linked() {
        const port = await flow.greeted()
        if (task.manner === 'multicast') socket.setMulticastInterface(LOOPBACK)
        socket.connect(port, hostOf(task))
        await once(socket, 'connect')
      },
      async flood(count) {
        const window = flow.windowOf(packetBytes, most)
        const end = next + count
        let before: Promise<void> = Promise.resolve()
        while (next < end) {
          let at = 0
          let taken: (() => void) | undefined
          const sent = new Promise<void>((resolve) => {
            taken = resolve
          })
          for (let isLast = false; !isLast; ) {
            const messages = Math.min(most, end - next)
            if (!flow.has(next + messages, window)) await flow.room(next + messages, window)
            isLast = next + messages === end || at + 2 * packetBytes > SLAB_BYTES
            at = pack(at, messages, isLast ? taken : undefined)
          }
          await before
          before = sent
          ;[slab, other] = [other, slab]
        }
        await before
      },
      send: () => pack(0, 1, undefined),
    }
  },

  async receive(task, port, take) {
    const socket = createSocket('udp4')
    socket.on('error', fail)
    socket.bind({ address: hostOf(task), port: 0, exclusive: true })
    await once(socket, 'listening')
    if (task.manner === 'multicast') socket.addMembership(hostOf(task), LOOPBACK)
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    // Linux tells the double of what it has granted.
    const granted = socket.getRecvBufferSize() / (process.platform === 'linux' ? 2 : 1)
    const flow = await ReceivingFlow.connect(port, { port: socket.address().port, granted }, task.size)
    parse(socket, flow, take, topicsOf(task)[0]?.length ?? 0)
    return { remark: flow.remark }
  },
}

function parse(socket: Socket, flow: ReceivingFlow, take: Take, topicBytes: number): void {
  socket.on('message', (packet) => {
    const count = packet.readUInt16BE(COUNT_AT)
    let at = HEADER_BYTES
    for (let i = 0; i < count; i++) {
      const size = ((packet[at] as number) << 8) | (packet[at + 1] as number)
      take(packet, at + 2 + topicBytes + 1, size - topicBytes - 1)
      at += 2 + size
    }
    flow.passed(packet.readUInt32BE(SEQUENCE_AT) * 2 ** 32 + packet.readUInt32BE(SEQUENCE_AT + 4) + count)
  })
}

function fail(error: Error): never {
  throw error
}
