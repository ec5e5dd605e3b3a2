import type { Authenticate, Credentials, PeerCertificate, Verdict } from '../authentication.js'
import { FanwireError, wordsOf } from '../errors.js'
import { badPeer, EMPTY, joined } from '../framing/zmtp/bytes.js'
import { command, headerSize, writeHeader } from '../framing/zmtp/frame.js'
import { type Frame, FrameReader } from '../framing/zmtp/frame-reader.js'
import { GREETING_SIZE, readGreeting, writeGreeting } from '../framing/zmtp/greeting.js'
import { refusedBy, WRONG_CREDENTIALS, writeError } from '../framing/zmtp/handshake.js'
import type { Claim, Handshake, MechanismName, Opener, Sealer, Step } from '../framing/zmtp/mechanism.js'
import { encodeZ85 } from '../framing/zmtp/z85.js'
import type { Platform } from '../platform.js'
import type { Wire } from './wire.js'

/** The largest command of a handshake, and the largest command there is. */
const COMMAND_MAX = 65_536

/** How the peers of one end are let in. */
export interface Admission {
  readonly mechanism: MechanismName
  readonly asServer: boolean
  /** What is said before traffic, with this end's metadata; absent where the READY of each side is all. */
  readonly handshake?: (metadata: Uint8Array) => Handshake
  readonly authenticate?: Authenticate | undefined
}

/** The session behind a gate. */
export interface GateKeeper {
  /** This end's. */
  readonly metadata: Uint8Array
  readonly maxMessageBytes: number
  readonly closed: boolean
  /** The peer is let in, as `user` where it has a name. */
  admitted(minor: number, user: string | undefined): void
  /** Traffic in the clear, which begins with the peer's READY. */
  traffic(chunk: Uint8Array): void
  fail(error: unknown): void
  /** Refuses a peer that was told so. */
  refused(error: Error): void
}

/**
 * Stands between a wire and a session where peers have to prove who they are: speaks the greeting and the handshake of
 * the mechanism, asks whether the peer is wanted, and from then on seals and opens what passes, if the mechanism has it
 * so. The session sees what it sees of a peer without a mechanism.
 */
export class Gate implements Wire {
  readonly opening: Uint8Array
  #keeper!: GateKeeper
  #phase: 'greeting' | 'handshake' | 'asking' | 'open' = 'greeting'
  #greeting: Uint8Array = EMPTY
  #minor = 0
  #user: string | undefined
  #handshake: Handshake | undefined
  #sealer: Sealer | undefined
  #opener: Opener | undefined
  readonly #frames: FrameReader

  constructor(
    private readonly wire: Wire,
    private readonly admission: Admission,
    private readonly platform: Platform,
    private readonly peer: { readonly remote: string; readonly certificate?: PeerCertificate | undefined },
  ) {
    this.#frames = new FrameReader(COMMAND_MAX, (size) => platform.allocate(size))
    this.opening = writeGreeting(admission.mechanism, admission.asServer)
  }

  /** To be called once, before anything arrives. */
  guard(keeper: GateKeeper): void {
    this.#keeper = keeper
    this.#handshake = this.admission.handshake?.(keeper.metadata)
  }

  /**
   * Reads what has arrived.
   *
   * @throws {FanwireError} `BAD_PEER`, `REFUSED`, and what the keeper throws
   */
  receive(chunk: Uint8Array): void {
    if (this.#phase === 'open' && this.#opener === undefined) this.#keeper.traffic(chunk)
    else if (this.#phase === 'greeting') this.#greet(this.#greeting, chunk)
    else {
      this.#frames.push(chunk)
      this.#read()
    }
  }

  /** The peer's greeting has begun and is not complete. */
  get half(): boolean {
    return this.#greeting.length > 0
  }

  // The wire of the session.

  write(bytes: Uint8Array): 'taken' | 'busy' {
    if (this.#sealer === undefined) return this.wire.write(bytes)
    const sealed = this.#sealer.seal(bytes)
    // A frame is sealed as a whole, so that a part of one waits for the rest of it.
    return sealed.length === 0 ? 'taken' : this.wire.write(sealed)
  }

  get pending(): number {
    return this.wire.pending
  }

  pause(): void {
    this.wire.pause()
  }

  resume(): void {
    this.wire.resume()
  }

  end(): void {
    this.wire.end()
  }

  destroy(): void {
    this.wire.destroy()
  }

  #greet(before: Uint8Array, chunk: Uint8Array): void {
    const missing = GREETING_SIZE - before.length
    const bytes = joined([before, chunk.subarray(0, missing)])
    this.#greeting = bytes
    const greeting = readGreeting(bytes)
    if (greeting === undefined) return
    const { mechanism } = this.admission
    if (greeting.mechanism !== mechanism) {
      const theirs = greeting.mechanism.slice(0, 32).replace(/[^\x20-\x7e]/g, '?')
      throw badPeer(`peer wants the mechanism ${theirs}, this end has ${mechanism}`)
    }
    this.#minor = greeting.minor
    this.#greeting = EMPTY
    // Messages may stand behind it, and are kept in memory of the kind in which they come.
    this.#frames.push(chunk.subarray(missing))
    this.#phase = 'handshake'
    // A server waits for what its client claims; everybody else says nothing of itself to a peer that is not wanted.
    if (!this.admission.asServer) this.#ask({}, () => this.#begin())
    this.#read()
  }

  #begin(): void {
    if (this.#handshake !== undefined) {
      this.wire.write(this.#handshake.begin())
      return
    }
    this.wire.write(command('READY', this.#keeper.metadata))
    this.#open()
  }

  #read(): void {
    while (this.#phase === 'handshake' && !this.#keeper.closed) {
      const next = this.#frames.next()
      if (next === undefined) return
      this.#take((this.#handshake as Handshake).receive(next.body))
    }
    if (this.#phase === 'open' && !this.#keeper.closed) this.#pass()
  }

  #take(step: Step): void {
    switch (step.kind) {
      case 'answer':
        this.wire.write(step.words)
        return
      case 'claim':
        this.#ask(step.claim, () => this.#take((this.#handshake as Handshake).accepted()))
        return
      case 'refused':
        throw refusedBy(step.reason)
      case 'done': {
        if (step.words.length > 0) this.wire.write(step.words)
        const traffic = this.#handshake?.traffic()
        this.#handshake = undefined
        this.#sealer = traffic?.sealer
        this.#opener = traffic?.opener
        this.#open(command('READY', step.metadata))
      }
    }
  }

  #open(ready?: Uint8Array): void {
    const keeper = this.#keeper
    this.#phase = 'open'
    this.#frames.maxBytes = Math.max(keeper.maxMessageBytes, COMMAND_MAX) + (this.#opener?.overhead ?? 0)
    keeper.admitted(this.#minor, this.#user)
    if (ready !== undefined) keeper.traffic(ready)
  }

  /** Hands on what arrived behind the handshake, or is sealed. */
  #pass(): void {
    const keeper = this.#keeper
    if (this.#opener === undefined) {
      const rest = this.#frames.rest()
      if (rest.length > 0) keeper.traffic(rest)
      return
    }
    const opened: Frame[] = []
    try {
      for (let next = this.#frames.next(); next !== undefined; next = this.#frames.next()) {
        opened.push(this.#opener.open(next.body))
      }
    } finally {
      // What came before a mistake is as good as it would be without it.
      if (opened.length > 0) keeper.traffic(this.#written(opened))
    }
  }

  /** Frames as they stand in traffic, behind one another, so that messages lie within one memory. */
  #written(frames: readonly Frame[]): Uint8Array {
    const size = frames.reduce((sum, { body }) => sum + headerSize(body.length) + body.length, 0)
    const bytes = this.platform.allocate(size)
    let at = 0
    for (const { flags, body } of frames) {
      at = writeHeader(bytes, at, flags, body.length)
      bytes.set(body, at)
      at += body.length
    }
    return bytes
  }

  /** Goes on with `accepted` if the peer is wanted, at once where that is known at once. */
  #ask(claim: Claim | Readonly<Record<string, never>>, accepted: () => void): void {
    const { mechanism, authenticate } = this.admission
    const { remote, certificate } = this.peer
    const named = 'publicKey' in claim ? { publicKey: encodeZ85(claim.publicKey) } : claim
    const credentials: Credentials = { remote, mechanism, ...named, ...(certificate && { certificate }) }
    this.#user = credentials.username ?? credentials.publicKey
    if (authenticate === undefined) {
      accepted()
      return
    }
    let verdict: Verdict | Promise<Verdict>
    try {
      verdict = authenticate(credentials)
    } catch (error) {
      this.#refuse(credentials, error)
      return
    }
    if (!isPromise(verdict)) {
      this.#judge(credentials, verdict, accepted)
      return
    }
    this.#phase = 'asking'
    this.wire.pause()
    const answered = (goOn: () => void) => {
      if (this.#keeper.closed) return
      this.#phase = 'handshake'
      this.wire.resume()
      try {
        goOn()
        if (!this.#keeper.closed) this.#read()
      } catch (error) {
        this.#keeper.fail(error)
      }
    }
    verdict.then(
      (value) => answered(() => this.#judge(credentials, value, accepted)),
      (error) => answered(() => this.#refuse(credentials, error)),
    )
  }

  #judge(credentials: Credentials, verdict: Verdict, accepted: () => void): void {
    if (typeof verdict === 'object' && verdict !== null) {
      this.#user = verdict.user ?? this.#user
      accepted()
    } else if (verdict === true) accepted()
    else {
      const mistake = new Error(`authenticate returned ${verdict === null ? 'null' : typeof verdict}`)
      this.#refuse(credentials, verdict === false ? undefined : mistake)
    }
  }

  #refuse(credentials: Credentials, cause: unknown): void {
    const { username, publicKey } = credentials
    const shown = username === undefined ? publicKey : `user ${username.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')}`
    const who = shown === undefined ? '' : ` (${shown})`
    const why = cause === undefined ? '' : `: ${wordsOf(cause)}`
    this.wire.write(writeError(WRONG_CREDENTIALS))
    this.#keeper.refused(new FanwireError('REFUSED', `peer is not accepted${who}${why}`, { cause }))
  }
}

function isPromise(verdict: Verdict | Promise<Verdict>): verdict is Promise<Verdict> {
  return typeof (verdict as Partial<Promise<Verdict>> | null)?.then === 'function'
}
