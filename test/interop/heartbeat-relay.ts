import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** Stands between two ends and counts the answers to heartbeats that each of them gives. */
export class HeartbeatRelay {
  /** By who answers: the one that called, or the one that was called. */
  readonly #pongs = { caller: 0, called: 0 }
  readonly #waiting = new Set<() => void>()
  readonly #server
  readonly #sockets: Socket[] = []

  private constructor(port: number) {
    this.#server = createServer((caller) => {
      const called = connect(port, '127.0.0.1')
      this.#carry(caller, called, 'caller')
      this.#carry(called, caller, 'called')
    })
  }

  /** The address to call in place of `url`. */
  static async open(t: Test, url: string): Promise<{ readonly relay: HeartbeatRelay; readonly url: string }> {
    const relay = new HeartbeatRelay(Number(new URL(url).port))
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    t.teardown(() => {
      for (const socket of relay.#sockets) socket.destroy()
      relay.#server.close()
    })
    return { relay, url: `tcp://127.0.0.1:${(relay.#server.address() as AddressInfo).port}` }
  }

  /** Resolves once `who` has answered `count` heartbeats. */
  answered(who: 'caller' | 'called', count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#pongs[who] < count) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  #carry(from: Socket, to: Socket, who: 'caller' | 'called'): void {
    this.#sockets.push(from)
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.on('data', (bytes) => {
      to.write(bytes)
      this.#pongs[who] += bytes.toString('latin1').split('\x04PONG').length - 1
      for (const check of this.#waiting) check()
    })
  }
}
