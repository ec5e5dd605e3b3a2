/** How a number that is missing may still come, on links that are not ordered and reliable. */
export interface RecoveryTerms {
  /**
   * Milliseconds for which datagrams may overtake each other: a number is not asked for before, nor given up where
   * nobody can be asked.
   */
  readonly reorderMs: number
  /** How to ask again; absent where nobody answers. */
  readonly requests?: RequestTerms
}

export interface RequestTerms {
  /** Milliseconds to wait for the first answer; doubled for each further one, up to `retryMaxMs`, give or take a half. */
  readonly retryMs: number
  readonly retryMaxMs: number
  /** How often the same numbers are asked for. */
  readonly tries: number
  /** Requests that wait for their answer at the same time. */
  readonly pipelined: number
}

export interface Range {
  /** Inclusive. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

/** Missing numbers, and when that was first seen. */
export interface MissingRange extends Range {
  readonly since: number
}

/** What is to be done now. */
export interface Plan {
  readonly requests: readonly Range[]
  /** Asked for in vain. */
  readonly lost: readonly Range[]
  /** When to look again; `Infinity` when an answer must come first. */
  readonly next: number
}

/** Numbers that were asked for, or that wait for their turn. */
interface Ask extends Range {
  /** The request that asked for them last; 0 for what was not asked for yet. */
  readonly request: number
  readonly tries: number
  /** When the answer is overdue; in the past for what waits for its turn. */
  readonly due: number
}

/** Gaps that are closer than this are asked for together, and what lies between comes twice. */
const NEAR = 8
/** How many messages an answer is expected to hold at first, and at most. An answer is one datagram. */
const FIRST_SIZE = 32
const MOST_SIZE = 1_024

/**
 * Decides which missing numbers to ask for, and when: all gaps at once, lowest first, several requests on their way,
 * each of about the size of one answer. A pure state machine over numbers and times that are told.
 */
export class Recovery {
  /** Sorted, and apart from each other. */
  #asks: Ask[] = []
  #size = FIRST_SIZE
  #requests = 0
  /** When an answer last brought something, or would have found no room. */
  #progressAt = -Infinity
  #plannedAt = -Infinity

  /**
   * @param giveUpMs how long a number may be missing without any answer that brings something
   * @param random from 0 to 1, so that many who lost the same do not ask together
   */
  constructor(
    private readonly terms: RecoveryTerms & { readonly requests: RequestTerms },
    private readonly giveUpMs: number,
    private readonly random: () => number,
  ) {}

  /** An answer has brought the numbers from `from` up to but not including `to`. True when they were asked for. */
  answered(from: number, to: number, now: number): boolean {
    const answered = this.#asks.find((ask) => ask.from < to && from < ask.to && ask.tries > 0)
    if (answered === undefined) return false
    // There is one answer to a request: what it did not hold is asked for anew, at once.
    const asked = this.#asks.filter(({ request }) => request === answered.request)
    this.#asks = this.#asks.filter(({ request }) => request !== answered.request)
    const size = (asked.at(-1) as Ask).to - (asked[0] as Ask).from
    this.#size = to - from < size ? Math.max(1, to - from) : Math.min(MOST_SIZE, Math.max(this.#size, 2 * size))
    this.#progressAt = now
    return true
  }

  /** There is no room here for now: this time does not count, nor do requests that wait for their answer. */
  rest(now: number): void {
    this.#progressAt = now
    this.#asks = this.#asks.map((ask) =>
      ask.due > this.#plannedAt ? { ...ask, tries: ask.tries - 1, due: -Infinity } : ask,
    )
    this.#plannedAt = now
  }

  /**
   * @param missing sorted by number, and by age
   * @param pipelined how many requests may wait for their answer at this time
   */
  plan(missing: Iterable<MissingRange>, now: number, pipelined = this.terms.requests.pipelined): Plan {
    const { reorderMs, requests } = this.terms
    this.#plannedAt = now
    const lost: Range[] = []
    const asks: Ask[] = []
    let next = Infinity
    let before = 0
    for (const { from, to, since } of missing) {
      const patience = Math.max(since, this.#progressAt) + this.giveUpMs
      if (patience <= now) {
        lost.push({ from, to })
        continue
      }
      next = Math.min(next, patience)
      while (before < this.#asks.length && (this.#asks[before] as Ask).to <= from) before++
      for (const part of partsOf(from, to, this.#asks, before)) {
        if (part.tries >= requests.tries && part.due <= now) lost.push({ from: part.from, to: part.to })
        else if (part.tries > 0 || since + reorderMs <= now) asks.push(part)
        else next = Math.min(next, since + reorderMs)
      }
    }
    const sent = this.#ask(asks, now, pipelined)
    for (const { due } of this.#asks) if (due > now) next = Math.min(next, due)
    return { requests: sent, lost, next }
  }

  /** Asks for as much as may be on its way at once, and keeps the rest for later. */
  #ask(wanted: readonly Ask[], now: number, pipelined: number): Range[] {
    const sent: { from: number; to: number; readonly id: number; readonly due: number }[] = []
    const asks: Ask[] = []
    const inFlight = new Set(wanted.filter(({ due }) => due > now).map(({ request }) => request))
    const most = Math.max(0, pipelined - inFlight.size)
    for (const ask of wanted) {
      if (ask.due > now) {
        asks.push(ask)
        continue
      }
      let { from } = ask
      while (from < ask.to) {
        let request = sent.at(-1)
        if (request === undefined || from - request.to > NEAR || from - request.from >= this.#size) {
          if (sent.length === most) break
          request = { from, to: from, id: ++this.#requests, due: now + this.#delay(ask.tries + 1) }
          sent.push(request)
        }
        request.to = Math.min(ask.to, request.from + this.#size)
        asks.push({ from, to: request.to, request: request.id, tries: ask.tries + 1, due: request.due })
        from = request.to
      }
      if (from < ask.to) asks.push({ ...ask, from })
    }
    this.#asks = asks
    return sent.map(({ from, to }) => ({ from, to }))
  }

  #delay(tries: number): number {
    const { retryMs, retryMaxMs } = this.terms.requests
    return Math.min(retryMaxMs, retryMs * 2 ** (tries - 1)) * (0.5 + this.random())
  }
}

/** What of a range was asked for, and what was not. Asks that end before it are left out by `before`. */
function* partsOf(from: number, to: number, asks: readonly Ask[], before: number): Iterable<Ask> {
  let at = from
  for (let i = before; i < asks.length; i++) {
    const ask = asks[i] as Ask
    if (ask.from >= to) break
    if (ask.from > at) yield { from: at, to: ask.from, request: 0, tries: 0, due: -Infinity }
    const end = Math.min(to, ask.to)
    yield { ...ask, from: Math.max(at, ask.from), to: end }
    at = end
  }
  if (at < to) yield { from: at, to, request: 0, tries: 0, due: -Infinity }
}
